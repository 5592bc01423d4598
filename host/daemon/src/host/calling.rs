//! What the owner asks of other peers, and of this host as if it were one.

use std::time::Duration;

use coworker_core::{Message, PeerId, Span, TaskId, TaskRequest, Tier};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Host;
use crate::ask::{Answer, AskError, ask};
use crate::clock;
use crate::control::protocol::Progress;
use crate::report::Failure;
use crate::transport::Inbound;

/// How long a call may take when the owner does not say.
const CALL: Duration = Duration::from_secs(60);

/// What to call.
pub(super) struct Question {
    pub(super) skill: String,
    pub(super) input: Value,
    pub(super) version: Option<String>,
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => error.into(),
            AskError::Timeout { .. } => Self::unreachable(error.to_string())
                .hint("the peer may be offline or may ignore you; try again later, or allow more with --timeout"),
        }
    }
}

impl Host {
    /// Calls a skill and waits for the answer.
    pub(super) async fn call(
        &self,
        peer: &str,
        question: Question,
        timeout: Option<Span>,
        as_tier: Option<Tier>,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let within = timeout.map_or(CALL, |span| span.0);
        let started = Instant::now();
        progress.say(format!("calling {}", question.skill));
        let request = Message::TaskRequest(TaskRequest {
            version: question.version,
            ..TaskRequest::new(&question.skill, question.input)
        });
        let (peer, answer, task) = if peer == "self" {
            let session = self.trust.admit_local(as_tier.unwrap_or(Tier::Privileged));
            let (answer, task) = self.ask_self(session.peer(), request, within).await?;
            (session.peer().clone(), answer, task)
        } else if as_tier.is_some() {
            return Err(Failure::usage("--as goes with `self` alone")
                .hint("what a peer lets you do is for that peer to decide"));
        } else {
            let peer = self.resolve(peer).await?;
            let answer = ask(self, &peer, request, within).await?;
            (peer, answer, None)
        };
        let message = &answer.envelope.message;
        let success = matches!(message, Message::TaskResponse { .. });
        Ok(json!({
            "success": success, "kind": message.type_name(), "reply": answer.payload(), "peer": peer,
            "task": task, "took_ms": started.elapsed().as_secs_f64() * 1_000.0,
        }))
    }

    /// Asks this host as a peer at this machine: through the same inbox, lines and gate as anybody.
    async fn ask_self(
        &self,
        session: &PeerId,
        request: Message,
        within: Duration,
    ) -> Result<(Answer, Option<TaskId>), Failure> {
        let correlation = clock::long_token();
        let id = coworker_core::CorrelationId::new(&correlation);
        let answer = self.asks.expect(session, &correlation);
        let (kept, _) = tokio::sync::oneshot::channel();
        let bytes = self.encode(id, request).into_bytes();
        let message = Inbound {
            from: session.clone(),
            id: clock::long_token(),
            sent: clock::now(),
            bytes,
            kept,
        };
        let task = crate::inbox::take(self, message).await?;
        match answer.within(within).await {
            Some(answer) => Ok((answer, task)),
            None if let Some(trouble) = self.store.trouble() => Err(trouble.error.into()),
            None => Err(Failure::unreachable(format!(
                "no answer within {} s",
                within.as_secs_f32()
            ))
            .hint("allow more with --timeout, and see `coworker-host logs`")),
        }
    }
}
