//! How a turn ends: the outcome, the answer and everything else in one commit, and when the answer leaves.

use std::time::Duration;

use coworker_core::{CorrelationId, Message, Refusal, Timestamp};
use tokio::time::Instant;

use super::{REFUSALS, Turning};
use crate::clock;
use crate::store::{Delivery, Finish, LogLevel, LogRow, OutRow, Recorded, StoreError, UsageRow};

/// When an answer leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// As soon as it is on disk.
    AtOnce,
    /// On the next point of the grid after that, as everything does that could tell a refused skill from an absent one:
    /// see `refusal_is_ready`.
    Boundary,
}

/// What a run left, besides its answer.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) usage: Option<UsageRow>,
    pub(super) writes: Vec<coworker_sandbox::StateWrite>,
    pub(super) log: Vec<LogRow>,
    pub(super) probe: Option<String>,
}

impl Ran {
    /// Leaves nothing of a run behind whose answer no message carries, but why.
    fn failed(&mut self, now: Timestamp, why: String) {
        self.writes.clear();
        self.log.push(LogRow::new(now, LogLevel::Error, why));
    }
}

/// Returns what its owner is told of an answer that is larger than any message.
fn too_large(reply: Option<&[u8]>, most: usize) -> Option<String> {
    let length = reply.map(<[u8]>::len).filter(|length| *length > most)?;
    Some(format!(
        "the answer is a message of {} KiB, and at most {} KiB are carried: let the skill return less, or in parts",
        length >> 10,
        most >> 10
    ))
}

impl Turning<'_> {
    pub(super) async fn refuse(self, refusal: &Refusal, ran: Ran) -> Result<(), StoreError> {
        self.finish(
            refusal.code(),
            Some(refusal.message()),
            ran,
            Release::AtOnce,
        )
        .await
    }

    /// Ends the task: outcome, answer and everything else in one commit, then the answer on its way.
    pub(super) async fn finish(
        mut self,
        outcome: &str,
        message: Option<Message>,
        mut ran: Ran,
        release: Release,
    ) -> Result<(), StoreError> {
        let handling = self.handling.take();
        let Self {
            host,
            peer,
            task,
            tier,
            ref envelope,
            ..
        } = self;
        let now = clock::now();
        // Should the host die before it leaves, it leaves no earlier than this.
        let wait = match release {
            Release::AtOnce => Duration::ZERO,
            Release::Boundary => clock::BOUNDARY,
        };
        let encode = |message| {
            host.encode(envelope.correlation.clone(), message)
                .into_bytes()
        };
        let (mut outcome, mut reply) = (outcome, message.map(encode));
        if let Some(why) = too_large(reply.as_deref(), host.largest_message) {
            let refusal = Refusal::ExecutionFailed { message: None };
            (outcome, reply) = (refusal.code(), Some(encode(refusal.message())));
            ran.failed(now, why);
        }
        // The way to disk is the same for every answer: no death there is this one's doing.
        drop(handling);
        let sent = host
            .store
            .finish(Finish {
                task,
                outcome: outcome.to_owned(),
                reply: reply.clone(),
                release_at: now.after(wait),
                tier,
                usage: ran.usage,
                writes: ran
                    .writes
                    .into_iter()
                    .map(crate::port::state::row)
                    .collect(),
                log: ran.log,
                probe: ran.probe,
                at: now,
            })
            .await?;
        let release = match release {
            Release::AtOnce => None,
            Release::Boundary => Some(self.refusal_is_ready()),
        };
        if let (Some(bytes), Some(sent)) = (reply, sent) {
            host.deliver(
                OutRow {
                    peer: peer.clone(),
                    bytes,
                    task: Some(task),
                    id: sent.id,
                    message_id: sent.message_id,
                    delivery: Delivery::AtLeastOnce,
                },
                release,
            )
            .await;
        }
        Ok(())
    }

    /// Returns when a refusal leaves that is on disk now: on the first point of the grid after this, and not after its
    /// receipt. Whatever came and was ready between two points leaves on the same one. A refusal that takes longer than
    /// that, as its turn came late or the disk was slow, leaves on a later one: the point after its receipt has passed,
    /// and to go at once would show to the microsecond how long it took.
    fn refusal_is_ready(&self) -> Instant {
        let correlation = self
            .envelope
            .correlation
            .as_ref()
            .map(CorrelationId::as_str);
        let ready_ns = u64::try_from(self.received.elapsed().as_nanos()).unwrap_or(u64::MAX);
        tracing::trace!(target: REFUSALS, correlation, ready_ns, "a refusal is ready");
        self.host.boundary.after(Instant::now())
    }

    /// Sends an answer that belongs to no task.
    pub(super) async fn send(self, message: Message) -> Result<(), StoreError> {
        let bytes = self
            .host
            .encode(self.envelope.correlation, message)
            .into_bytes();
        self.host
            .outbox
            .push(self.peer.clone(), bytes, None)
            .await?;
        Ok(())
    }

    /// Refuses once more what was refused before.
    pub(super) async fn send_refusal(
        self,
        message: Message,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(name) = self.asked_in_vain() {
            self.host.store.probe(self.peer, &name, now).await?;
        }
        tokio::time::sleep_until(self.refusal_is_ready()).await;
        self.send(message).await
    }

    pub(super) async fn send_again(self, prior: Recorded) -> Result<(), StoreError> {
        if let Recorded::Answered(bytes) = prior {
            self.host
                .outbox
                .push(self.peer.clone(), bytes, None)
                .await?;
        }
        Ok(())
    }

    /// Returns the name of what the peer asked for and does not see.
    pub(super) fn asked_in_vain(&self) -> Option<String> {
        match &self.envelope.message {
            Message::TaskRequest(request) => Some(request.skill.clone()),
            Message::SkillCardQuery { skill } => Some(skill.clone()),
            _ => None,
        }
    }
}
