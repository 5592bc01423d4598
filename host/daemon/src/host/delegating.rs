//! Work given to other peers for as long as it takes: the peer may be away for days, and both sides may start again
//! meanwhile. What was asked and what came back is on disk; here it is only asked for, looked at and given up.

use std::time::Duration;

use coworker_core::{CorrelationId, Envelope, Message, Span, TaskRequest};
use serde_json::{Value, json};

use super::Host;
use super::calling::Question;
use crate::ask::payload_of;
use crate::clock;
use crate::control::protocol::Progress;
use crate::report::Failure;
use crate::store::{Delegate, DelegatedRow, DelegatedState, OutRow};

/// The longest look at one task: whoever waits longer asks again.
const LOOK: Duration = Duration::from_secs(60);
/// How many rows `tasks` shows when the owner does not say.
const ROWS: u32 = 50;
/// The longest start of an id that is looked up.
const ID: usize = 64;

impl Host {
    /// Gives work to a peer. It is on disk when this returns, and leaves when the peer can be reached.
    pub(super) async fn delegate(
        &self,
        peer: &str,
        question: Question,
        within: Option<Span>,
    ) -> Result<Value, Failure> {
        if peer == "self" {
            return Err(Failure::usage("this host does not delegate to itself")
                .hint("use `coworker-host call self`, which needs no waiting"));
        }
        let peer = self.resolve(peer).await?;
        let within = within.map_or(Envelope::ASYNC_TTL, |span| span.0);
        if within > Envelope::ASYNC_TTL || within.is_zero() {
            return Err(Failure::usage("an answer is awaited for up to 7 days")
                .cause("peers serve a request for that long")
                .hint("use --ttl with 7d or less"));
        }
        let (task, asked) = (clock::uuid(), clock::now());
        let request = Message::TaskRequest(TaskRequest {
            version: question.version,
            is_async: true,
            task_id: Some(task.clone()),
            ..TaskRequest::new(&question.skill, question.input)
        });
        let bytes = self.encode(CorrelationId::new(&task), request).into_bytes();
        if bytes.len() > self.largest_message {
            return Err(
                Failure::failed("the input is larger than a message can be").cause(format!(
                    "a message has at most {} KiB",
                    self.largest_message >> 10
                )),
            );
        }
        self.trust.seen(&peer, None, asked).await?;
        let delivery = crate::ask::delivery(&peer, &self.store.accepts(&peer).await?);
        let work = Delegate {
            task: task.clone(),
            peer: peer.clone(),
            skill: question.skill,
            bytes: bytes.clone(),
            delivery,
            asked,
            deadline: asked.after(within),
        };
        // Before it can be answered.
        self.asks.delegate(&peer, &task, work.deadline);
        let id = match self.store.delegate(work).await {
            Ok(id) => id,
            Err(error) => {
                self.asks.settle(&peer, &task);
                return Err(error.into());
            }
        };
        let row = OutRow {
            id,
            peer,
            bytes,
            task: None,
            message_id: task.clone(),
            delivery,
        };
        self.outbox.send(row, None);
        Ok(self.delegated_value(&self.delegated(&task).await?))
    }

    pub(super) async fn delegated_list(&self, limit: Option<u32>) -> Result<Value, Failure> {
        let rows = self.store.delegated(limit.unwrap_or(ROWS) as usize).await?;
        Ok(rows.iter().map(|row| self.delegated_value(row)).collect())
    }

    /// Returns how far a task is, with the peer's reply once it came. Waits for that at most `wait`, and never for long.
    pub(super) async fn delegated_result(
        &self,
        id: &str,
        wait: Option<Span>,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let until =
            tokio::time::Instant::now() + wait.map_or(Duration::ZERO, |span| span.0.min(LOOK));
        let row = loop {
            let came = self.asks.came();
            tokio::pin!(came);
            // From here on no answer is missed.
            came.as_mut().enable();
            let row = self.delegated(id).await?;
            let state = row.state(clock::now());
            if !state.is_open() || until <= tokio::time::Instant::now() {
                break row;
            }
            progress.say(match state {
                DelegatedState::Queued => format!("waiting until {} can be reached", row.peer),
                _ => format!("waiting for the answer of {}", row.peer),
            });
            tokio::select! {
                () = came => {}
                () = tokio::time::sleep_until(until) => {}
                // The end of a task is no event.
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        let reply = match row.answered {
            Some(_) => self.store.delegated_reply(&row.task).await?,
            None => None,
        };
        let mut value = self.delegated_value(&row);
        if let Some(value) = value.as_object_mut() {
            value.insert("success".to_owned(), row.success.into());
            value.insert(
                "reply".to_owned(),
                reply.map_or(Value::Null, |bytes| payload_of(&bytes)),
            );
        }
        Ok(value)
    }

    /// Stops waiting for a task. What has left cannot be called back; an answer to it counts no more.
    pub(super) async fn delegated_cancel(&self, id: &str) -> Result<Value, Failure> {
        let row = self.delegated(id).await?;
        let (cancelled, taken_back) = self.store.cancel_delegated(&row.task, clock::now()).await?;
        if let Some(outgoing) = taken_back {
            self.outbox.leave_out(&row.peer, outgoing);
        }
        self.asks.settle(&row.peer, &row.task);
        let mut value = self.delegated_value(&self.delegated(&row.task).await?);
        if let Some(value) = value.as_object_mut() {
            value.insert("cancelled".to_owned(), cancelled.into());
            value.insert("taken_back".to_owned(), taken_back.is_some().into());
        }
        Ok(value)
    }

    async fn delegated(&self, id: &str) -> Result<DelegatedRow, Failure> {
        let mut rows = Vec::new();
        if (1..=ID).contains(&id.len()) {
            rows = self.store.delegated_like(id).await?;
        }
        let several = rows.len() > 1;
        match rows.pop() {
            Some(row) if !several => Ok(row),
            Some(_) => Err(Failure::failed(format!("several tasks begin with {id:?}"))
                .hint("give more of the id")),
            None => Err(Failure::failed(format!("no peer was given a task {id:?}"))
                .hint("run `coworker-host tasks` to see those that were; answers are kept as `[retention]` says")),
        }
    }

    fn delegated_value(&self, row: &DelegatedRow) -> Value {
        let name = self.trust.row(&row.peer).and_then(|row| row.name);
        json!({
            "task": row.task, "peer": row.peer, "name": name, "skill": row.skill, "state": row.state(clock::now()),
            "asked_at": row.asked, "deadline_at": row.deadline, "answered_at": row.answered,
        })
    }
}
