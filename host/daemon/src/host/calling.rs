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

/// How long a discovery may take.
const DISCOVER: Duration = Duration::from_secs(15);
/// How long a call may take when the owner does not say.
const CALL: Duration = Duration::from_secs(60);
/// How many peers' cards are remembered for `peers show`.
const CARDS: usize = 1_000;

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
    /// Meets a peer: discover, ask for trust where it is wanted and missing, discover again.
    pub(super) async fn connect(
        &self,
        target: &str,
        name: Option<String>,
        tier: Option<Tier>,
        reason: Option<String>,
        timeout: Option<Span>,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let peer = self.resolve(target)?;
        if peer == self.me {
            return Err(Failure::usage("this is your own invite")
                .hint("give it to the peer that is to call you"));
        }
        let within = timeout.map_or(DISCOVER, |span| span.0);
        self.trust.seen(&peer, None, clock::now()).await?;
        if name.is_some() {
            self.trust.name(&peer, name).await?;
        }
        progress.say("asking what there is");
        let (claimed, mut cards) = self.discover(&peer, within).await?;
        let (mut granted, mut said) = (None, None);
        if let Some(wanted) = tier {
            progress.say(format!("asking to be {wanted}"));
            let request = Message::TrustRequest {
                requested: wanted,
                reason: reason.unwrap_or_default(),
            };
            match ask(self, &peer, request, within).await?.envelope.message {
                Message::TrustGrant { tier, reason } => {
                    (granted, said) = (Some(tier), Some(reason));
                }
                Message::TrustDeny { reason, .. } => said = Some(reason),
                other => said = Some(format!("answered with {}", other.kind().name())),
            }
            if granted.is_some() {
                progress.say("asking again what there is");
                (_, cards) = self.discover(&peer, within).await?;
            }
        }
        let name = self.trust.row(&peer).and_then(|row| row.name);
        Ok(json!({
            "peer": peer, "name": name, "claimed_name": claimed, "granted": granted, "reason": said, "skills": cards,
        }))
    }

    /// Shows what a peer shows us.
    pub(super) async fn peer_inspect(
        &self,
        peer: &str,
        skill: Option<String>,
        timeout: Option<Span>,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let peer = self.resolve(peer)?;
        let within = timeout.map_or(DISCOVER, |span| span.0);
        progress.say("asking what there is");
        let (claimed, cards) = match skill {
            None => self.discover(&peer, within).await?,
            Some(skill) => match ask(
                self,
                &peer,
                Message::SkillCardQuery {
                    skill: skill.clone(),
                },
                within,
            )
            .await?
            .envelope
            .message
            {
                Message::SkillCard(card) => (None, vec![card.value().clone()]),
                _ => {
                    return Err(Failure::failed(format!("{peer} shows no skill {skill:?}"))
                        .hint("run `coworker-host inspect PEER` to see what it shows you"));
                }
            },
        };
        let name = self.trust.row(&peer).and_then(|row| row.name);
        Ok(json!({ "peer": peer, "name": name, "claimed_name": claimed, "skills": cards }))
    }

    async fn discover(
        &self,
        peer: &PeerId,
        within: Duration,
    ) -> Result<(Option<String>, Vec<Value>), Failure> {
        let question = Message::Discover {
            name: Some(self.name.clone()),
            wallet: None,
        };
        match ask(self, peer, question, within).await?.envelope.message {
            Message::Capabilities { name, skills, .. } => {
                let cards: Vec<Value> = skills.iter().map(|card| card.value().clone()).collect();
                self.remember_cards(peer, &cards);
                Ok((Some(name), cards))
            }
            other => Err(
                Failure::failed(format!("{peer} does not say what it offers"))
                    .cause(format!("it answered with {}", other.kind().name())),
            ),
        }
    }

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
            let peer = self.resolve(peer)?;
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
        let task = crate::inbox::take(self, vec![message])
            .await
            .into_iter()
            .next();
        match answer.within(within).await {
            Some(answer) => Ok((answer, task)),
            None => Err(Failure::unreachable(format!(
                "no answer within {} s",
                within.as_secs_f32()
            ))
            .hint("allow more with --timeout, and see `coworker-host logs`")),
        }
    }

    fn remember_cards(&self, peer: &PeerId, cards: &[Value]) {
        let mut all = self
            .cards
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() < CARDS || all.contains_key(peer) {
            all.insert(peer.clone(), cards.to_vec());
        }
    }

    pub(super) fn cards_of(&self, peer: &PeerId) -> Option<Vec<Value>> {
        self.cards
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(peer)
            .cloned()
    }
}
