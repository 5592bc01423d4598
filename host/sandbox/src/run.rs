//! One run of a guest, from a fresh store to its end: whatever happens, it ends within its limits and says why.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use coworker_core::{Bytes, Span};
use futures::FutureExt;
use wasmtime::component::ResourceTableError;
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::bindings::{SkillFullPre, types};
use crate::error::{CallError, Which, is_of_the_machine};
use crate::event::{Event, StateWrite, Usage};
use crate::journal::cut;
use crate::meter::{Meter, Paced};
use crate::port::Turn;
use crate::room::{Breach, Room};

/// The longest text of the guest's or the engine's that is kept.
const TEXT: usize = 4_096;

/// What is asked of a guest.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    Describe,
    Invoke { skill: &'a str, input: &'a str },
}

/// What a guest answered.
enum Answer {
    Manifests(Vec<types::Manifest>),
    Output(Result<String, types::Failure>),
}

/// What is left of a run.
pub(crate) struct Ran<T> {
    pub(crate) outcome: Result<T, CallError>,
    pub(crate) usage: Usage,
    pub(crate) writes: Vec<StateWrite>,
}

/// Asks a component for its manifests.
pub(crate) async fn describe(
    pre: &SkillFullPre<Room>,
    room: Room,
    turn: &dyn Turn,
) -> Result<Vec<types::Manifest>, CallError> {
    let ran = run(pre, room, turn, Ask::Describe).await;
    match ran.outcome? {
        Answer::Manifests(manifests) => Ok(manifests),
        Answer::Output(_) => Err(CallError::Unavailable(
            "an answer to another question".to_owned(),
        )),
    }
}

/// Runs one skill. The output is JSON of an allowed size and has been sent as an event.
pub(crate) async fn invoke(
    pre: &SkillFullPre<Room>,
    room: Room,
    turn: &dyn Turn,
    skill: &str,
    input: &str,
) -> Ran<()> {
    let most = room.limits.output;
    let journal = Arc::clone(&room.journal);
    let mut ran = run(pre, room, turn, Ask::Invoke { skill, input }).await;
    let outcome = match ran.outcome {
        Ok(Answer::Output(Ok(output))) => check_output(output, most),
        Ok(Answer::Output(Err(types::Failure::InvalidInput(why)))) => {
            Err(CallError::InvalidInput(cut(&why, TEXT).to_owned()))
        }
        Ok(Answer::Output(Err(types::Failure::Failed(why)))) => {
            Err(CallError::Failed(cut(&why, TEXT).to_owned()))
        }
        Ok(Answer::Manifests(_)) => Err(CallError::Unavailable(
            "an answer to another question".to_owned(),
        )),
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|output| {
        ran.usage.output = Bytes(output.len() as u64);
        crate::room::lock(&journal).send(Event::Chunk(output));
    });
    if outcome.is_err() {
        ran.writes.clear();
    }
    crate::room::lock(&journal).send(Event::Used(ran.usage));
    Ran {
        outcome,
        usage: ran.usage,
        writes: ran.writes,
    }
}

async fn run(pre: &SkillFullPre<Room>, room: Room, turn: &dyn Turn, ask: Ask<'_>) -> Ran<Answer> {
    let start = Instant::now();
    let wall = room.limits.wall;
    let meter = Arc::clone(&room.meter);
    let mut store = room.into_store(pre.engine());
    let played = {
        let play = pin!(play(pre, &mut store, ask));
        let paced = Paced::new(play, Arc::clone(&meter), turn);
        // A panic is a mistake of the host's. It must not reach other calls.
        AssertUnwindSafe(tokio::time::timeout(wall.0, paced))
            .catch_unwind()
            .await
    };
    turn.end();
    let room = store.data();
    let outcome = match played {
        Ok(Ok(Ok(answer))) => match room.breach() {
            None => Ok(answer),
            Some(which) => Err(CallError::Limit(which)),
        },
        Ok(Ok(Err(error))) => Err(explain(room, &error)),
        Ok(Err(_)) => Err(CallError::TimedOut(wall)),
        Err(_) => {
            tracing::error!("a host function panicked");
            Err(CallError::Unavailable(
                "the host failed during the call".to_owned(),
            ))
        }
    };
    let usage = usage(room, &meter, start);
    Ran {
        outcome,
        usage,
        writes: store.into_data().memory.into_writes(),
    }
}

async fn play(
    pre: &SkillFullPre<Room>,
    store: &mut Store<Room>,
    ask: Ask<'_>,
) -> wasmtime::Result<Answer> {
    let skill = pre.instantiate_async(&mut *store).await?;
    let guest = skill.coworker_skill_guest();
    Ok(match ask {
        Ask::Describe => Answer::Manifests(guest.call_describe(store).await?),
        Ask::Invoke { skill, input } => {
            Answer::Output(guest.call_invoke(store, skill, input).await?)
        }
    })
}

fn usage(room: &Room, meter: &Meter, start: Instant) -> Usage {
    let (tokens_in, tokens_out) = room.models.tokens();
    Usage {
        cpu: Span(meter.spent()),
        wall: Span(start.elapsed()),
        memory_peak: Bytes(room.budget.memory_peak() as u64),
        host_calls: room.host_calls,
        host_bytes: Bytes(room.host_bytes),
        model_calls: room.models.calls(),
        tokens_in,
        tokens_out,
        output: Bytes(0),
        log_lines: room.journal().close(),
    }
}

/// Checks that an output may be passed on at all. Its schema is the catalog's business.
fn check_output(output: String, most: Bytes) -> Result<String, CallError> {
    if output.len() > most.len() {
        return Err(CallError::Limit(Which::Output));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&output) {
        Ok(_) => Ok(output),
        Err(error) => Err(CallError::Rejected(format!("it is not JSON: {error}"))),
    }
}

/// Finds out why a run ended.
fn explain(room: &Room, error: &wasmtime::Error) -> CallError {
    if let Some(Breach(which)) = error.downcast_ref() {
        return CallError::Limit(*which);
    }
    if let Some(which) = room.breach().or_else(|| engine_limit(error)) {
        return CallError::Limit(which);
    }
    // A trap within guest code carries a backtrace; without one, the guest's answer could not be read.
    let in_guest = error.downcast_ref::<WasmBacktrace>();
    if let Some(error) = error.downcast_ref::<std::str::Utf8Error>() {
        return match in_guest {
            None => CallError::Rejected(format!("it is not UTF-8: {error}")),
            Some(_) => trap("it passed text that is not UTF-8"),
        };
    }
    let text = format!("{:#}", error.root_cause());
    // The engine has no types for these.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return CallError::Limit(match in_guest {
            None => Which::Output,
            Some(_) => Which::HostBytes,
        });
    }
    if text.contains("store handle limit exceeded") || text.contains("too many active lends") {
        return CallError::Limit(Which::Handles);
    }
    if let Some(kind) = text.strip_prefix("resource limit exceeded: ") {
        return CallError::Limit(if kind.starts_with("memory") {
            Which::Memories
        } else {
            Which::Instances
        });
    }
    if error
        .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
        .is_some()
    {
        return CallError::Unavailable("too many guests live at a time".to_owned());
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return trap(&format!("it left with exit code {}", exit.0));
    }
    if room.budget.is_starved() || is_of_the_machine(error) {
        return CallError::Unavailable(format!("the machine has no room for it: {text}"));
    }
    // A guest that was refused memory mostly gives up by trapping.
    if let Some(which) = room.budget.refused() {
        return CallError::Limit(which);
    }
    let place = in_guest
        .and_then(|trace| trace.frames().first()?.func_name())
        .map(|name| format!(", in {}", cut(name, 100)))
        .unwrap_or_default();
    trap(&format!("{text}{place}"))
}

fn engine_limit(error: &wasmtime::Error) -> Option<Which> {
    if let Some(Trap::StackOverflow) = error.downcast_ref() {
        return Some(Which::Stack);
    }
    match error.downcast_ref() {
        Some(ResourceTableError::Full) => Some(Which::Handles),
        _ => None,
    }
}

fn trap(why: &str) -> CallError {
    CallError::Trap {
        why: cut(why, TEXT).to_owned(),
    }
}
