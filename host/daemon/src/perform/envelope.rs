//! The envelope of a request whose turn has come: from memory, or from disk again. The request is named as what the host
//! handles before anybody looks at it.

use coworker_core::{Envelope, Message, PeerId, Refusal, TaskId, decode, fingerprint};

use super::answer::Ran;
use super::{Turning, Waiting, What};
use crate::host::Host;
use crate::poison::{Handling, Key, Stage, content_key, raw_key};
use crate::store::StoreError;

/// A request that can be decided about.
pub(super) struct Opened<'h> {
    pub(super) envelope: Envelope,
    pub(super) key: Key,
    /// None for one that was judged as it arrived, a moment ago.
    pub(super) handling: Option<Handling<'h>>,
}

/// What is known of a request whose turn has come.
pub(super) enum Found<'h> {
    Open(Box<Opened<'h>>),
    /// Its body is erased.
    Gone,
    /// The host died of it often enough.
    Poison(Option<Box<Envelope>>),
}

/// Returns the envelope of a request, from memory or from disk.
pub(super) async fn open<'h>(
    host: &'h Host,
    peer: &PeerId,
    waiting: &mut Waiting,
) -> Result<Found<'h>, StoreError> {
    let task = waiting.task;
    let (envelope, key, id, mut handling) = match waiting.envelope.take() {
        Some(envelope) => {
            let key = waiting.key;
            let key = key.unwrap_or_else(|| content_key(peer, &fingerprint(&envelope.message)));
            if waiting.begun.is_some() {
                return Ok(Found::Open(Box::new(Opened {
                    envelope: *envelope,
                    key,
                    handling: None,
                })));
            }
            (*envelope, key, task.to_string(), None)
        }
        None => {
            let Some(row) = host.store.body(task).await? else {
                return Ok(Found::Gone);
            };
            let Some(body) = row.body else {
                return Ok(Found::Gone);
            };
            let raw = (raw_key(peer, &body), Stage::Decode);
            let id = row.transport_id;
            let Some(handling) = host.poison.handle(peer, &id, raw, Some(task)).await else {
                return Ok(Found::Poison(None));
            };
            host.poison.pass(Stage::Decode, || body.clone());
            let decoded = decode(&body);
            host.poison.survived(raw.0);
            let envelope = match decoded {
                Ok(envelope) => envelope,
                Err(error) => {
                    tracing::error!(%task, %error, "a stored request does not decode");
                    host.store.drop_task(task).await?;
                    return Ok(Found::Gone);
                }
            };
            let key = content_key(peer, &fingerprint(&envelope.message));
            (envelope, key, id, Some(handling))
        }
    };
    let judging = (key, Stage::Judge);
    let may_go_on = match &mut handling {
        Some(handling) => handling.enter(peer, &id, judging, Some(task)).await,
        None => {
            handling = host.poison.handle(peer, &id, judging, Some(task)).await;
            handling.is_some()
        }
    };
    if !may_go_on {
        return Ok(Found::Poison(Some(Box::new(envelope))));
    }
    host.poison
        .pass(Stage::Judge, || format!("{envelope:?}").into_bytes());
    Ok(Found::Open(Box::new(Opened {
        envelope,
        key,
        handling,
    })))
}

/// Ends a request that the host died of often enough. One that had started is answered as every other that cannot run
/// again; of all else nobody decided what its sender may hear.
pub(super) async fn put_aside(
    turning: Option<Turning<'_>>,
    (host, task): (&Host, TaskId),
    what: What,
) -> Result<(), StoreError> {
    tracing::warn!(%task, "a request was put aside, because the host died while it handled it");
    match (turning, what) {
        (_, What::Again) => Ok(()),
        (Some(turning), What::Interrupted(Some(_)))
            if matches!(turning.envelope.message, Message::TaskRequest(_)) =>
        {
            turning.refuse(&Refusal::Interrupted, Ran::default()).await
        }
        _ => host.store.drop_task(task).await,
    }
}
