//! What comes in and what goes out.

use coworker_core::{PeerId, Scheme, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{
    AGAIN, Bridge, FLIGHT, FLIGHT_OF_ONE, FLIGHT_OF_REST, FORGET, Flight, LOOK_BACK, SLOWED,
    Session, Settled,
};
use crate::clock;
use crate::report::printable;
use crate::transport::xmtp::Question;
use crate::transport::xmtp::cursor::{Mark, believable};
use crate::transport::xmtp::frame::{Kind, Order};
use crate::transport::xmtp::status::Trouble;
use crate::transport::{Inbound, Outgoing, SendError};

impl Bridge {
    // ---- what comes in

    pub(super) fn receive(
        &mut self,
        peer: &str,
        id: String,
        sent_ns: &str,
        (size, text): (usize, Option<String>),
        is_named: bool,
    ) -> Result<(), Trouble> {
        let broken =
            || Trouble::passing("the sidecar handed over a message without a sender or time");
        let from: PeerId = format!("xmtp:{peer}").parse().map_err(|_| broken())?;
        let sent_ns: i64 = sent_ns.parse().map_err(|_| broken())?;
        let sent_ns = believable(sent_ns);
        let mark = Mark {
            id: id.clone(),
            sent_ns,
        };
        let ticket = self.cursors.arrived(&from, mark);
        self.credit.take(is_named);
        let Some(text) = text else {
            self.pass_over(&from, size);
            self.settle(Settled {
                peer: from,
                ticket,
                is_kept: true,
                is_named,
            });
            return Ok(());
        };
        let (kept, on_disk) = oneshot::channel();
        let peer = from.clone();
        self.keeping.push(Box::pin(async move {
            // Also where the host lets go of it, or fails.
            let is_kept = on_disk.await.is_ok();
            Settled {
                peer,
                ticket,
                is_kept,
                is_named,
            }
        }));
        let message = Inbound {
            from,
            id,
            sent: Timestamp(sent_ns / 1_000),
            bytes: text.into_bytes(),
            kept,
        };
        // A forwarder that has ended is a host that stops: the message comes again at the next start.
        let _ = self.inbox.send(message);
        Ok(())
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        let Settled {
            peer,
            ticket,
            is_kept,
            is_named,
        } = settled;
        self.credit.give_back(is_named);
        self.give_credit(false);
        if is_kept {
            self.cursors.kept(&peer, ticket);
        } else if self.cursors.lost(&peer, ticket) {
            self.again.push(Box::pin(async move {
                tokio::time::sleep(AGAIN).await;
                peer
            }));
        }
    }

    pub(super) fn want_again(&mut self, peer: &PeerId) {
        self.say(&Order::Again {
            peer: peer.id(),
            have: self.cursors.have(peer),
        });
    }

    pub(super) async fn write_cursors(&mut self) {
        let changed = self.cursors.take_changed();
        if changed.is_empty() {
            return;
        }
        let (store, env) = (self.options.store.clone(), self.options.env);
        let write = async move {
            // What is not written is asked for again after the next start, and known then.
            if let Err(error) = store.set_cursors(env, changed).await {
                tracing::warn!(%error, "it could not be noted what was received");
            }
        };
        if self.tasks.is_stopping() {
            write.await;
        } else {
            self.tasks.spawn(write);
        }
    }

    /// Has the client's database forget what the store has forgotten or is about to. Only what is on disk here counts as
    /// had: a sidecar that starts again hands over the rest once more. Who has sent nothing for long leaves no mark.
    pub(super) fn forget(&mut self, now: Instant) {
        let due = |session: &&mut Session| session.online && now >= session.forgets;
        let Some(session) = self.session.as_mut().filter(due) else {
            return;
        };
        let before = clock::now().before(self.options.remembers);
        let since = since_ns();
        self.cursors.forget(since);
        let is_said = session.process.say(&Order::Forget {
            before_ns: before.0.saturating_mul(1_000).to_string(),
            since_ns: since.to_string(),
            have: self.cursors.all().collect(),
        });
        if !is_said {
            // There was no room for it.
            session.forgets = now + AGAIN;
            return;
        }
        session.forgets = now + FORGET;
        let (store, env) = (self.options.store.clone(), self.options.env);
        self.tasks.spawn(async move {
            // The next time is as good.
            if let Err(error) = store.forget_cursors(env, since).await {
                tracing::warn!(%error, "marks of those who are gone could not be removed");
            }
        });
    }

    // ---- what goes out

    /// Puts on the wire what may leave. What cannot leave now waits in the outbox and not here.
    pub(super) fn send(&mut self) {
        let Some(session) = self.session.as_ref().filter(|session| session.online) else {
            let why = {
                let status = self.status.borrow();
                status
                    .why
                    .clone()
                    .unwrap_or_else(|| status.state.words().to_owned())
            };
            let waiting: Vec<Outgoing> = self.queues.drain().collect();
            for message in waiting {
                self.turn_back(message, SendError::Unreachable(why.clone()));
            }
            return;
        };
        let now = Instant::now();
        if self.slowed_until.is_some_and(|until| until > now) {
            return;
        }
        self.slowed_until = None;
        while self.flights.len() < FLIGHT {
            let (flights, held) = (&self.flights, &self.held);
            let named = self.named.borrow();
            let to_rest = |flight: &&Flight| !named.contains(&flight.queued.message.to);
            let has_rest = flights.values().filter(to_rest).count() < FLIGHT_OF_REST;
            let room = |peer: &PeerId| {
                let is_theirs = |flight: &&Flight| flight.queued.message.to == *peer;
                let most = if held.contains(peer) {
                    1
                } else {
                    FLIGHT_OF_ONE
                };
                flights.values().filter(is_theirs).count() < most
            };
            let first = self.queues.next(|peer| named.contains(peer) && room(peer));
            let next = first.or_else(|| self.queues.next(|peer| has_rest && room(peer)));
            drop(named);
            let Some(queued) = next else {
                return;
            };
            let message = &queued.message;
            let text = match std::str::from_utf8(&message.bytes) {
                Ok(text) if message.to.scheme() == Scheme::Xmtp => text,
                _ => {
                    let why = format!("{} is not on XMTP, or the message is no text", message.to);
                    let _ = queued.message.done.send(Err(SendError::Impossible(why)));
                    continue;
                }
            };
            if let Err(until) = self.bucket.take(now) {
                self.slowed_until = Some(until);
                self.queues.put_back(queued);
                return;
            }
            self.numbers += 1;
            let order = Order::Send {
                id: self.numbers,
                to: message.to.id(),
                text,
                again: self.held.remove(&message.to),
            };
            if !session.process.say(&order) {
                let _ = queued.message.done.send(Err(SendError::Unreachable(
                    "the sidecar does not read".to_owned(),
                )));
                return;
            }
            let flight = Flight { queued, since: now };
            self.flights.insert(self.numbers, flight);
        }
    }

    pub(super) fn sending_failed(&mut self, id: u64, kind: Kind, why: &str) {
        let Some(Flight { queued, .. }) = self.flights.remove(&id) else {
            return;
        };
        let why = printable(why);
        let error = match kind {
            Kind::RateLimited => {
                self.slow_down(&why);
                // What was sent after it comes back the same way, and then this one goes again in front of all of it.
                self.held.insert(queued.message.to.clone());
                return self.queues.put_back(queued);
            }
            Kind::Unreachable => SendError::Unreachable(why),
            Kind::Unconfirmed => {
                tracing::debug!(peer = %queued.message.to, why, "it is not known whether a message arrived");
                SendError::Unconfirmed
            }
            Kind::Impossible => SendError::Impossible(why),
        };
        if matches!(error, SendError::Impossible(_)) {
            let _ = queued.message.done.send(Err(error));
            return;
        }
        self.held.insert(queued.message.to.clone());
        for message in self.queues.drain_of(&queued.message.to) {
            self.turn_back(message, earlier_waits());
        }
        self.turn_back(queued.message, error);
    }

    /// Takes a message in from the outbox, unless it would overtake one that went back there.
    pub(super) fn line_up(&mut self, message: Outgoing) {
        match self.turned_back.get(&message.to) {
            Some(round) if message.round <= *round => {
                let _ = message.done.send(Err(earlier_waits()));
            }
            _ => {
                self.turned_back.remove(&message.to);
                self.queues.push(message);
            }
        }
    }

    /// Sends a message back to the outbox, and with it whatever is left of its round.
    pub(super) fn turn_back(&mut self, message: Outgoing, error: SendError) {
        let round = self.turned_back.entry(message.to).or_default();
        *round = message.round.max(*round);
        let _ = message.done.send(Err(error));
    }

    /// Pauses. What comes back during a pause was sent before it and is no news.
    fn slow_down(&mut self, why: &str) {
        let now = Instant::now();
        if self.slowed_until.is_some_and(|until| until > now) {
            return;
        }
        let pause = clock::pause(SLOWED.0, SLOWED.1, self.slowed);
        self.slowed = self.slowed.saturating_add(1);
        self.slowed_until = Some(now + pause);
        let seconds = pause.as_secs_f32();
        tracing::warn!(why, seconds, "the network wants us to be slower");
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.numbers += 1;
        let order = Order::Resolve {
            id: self.numbers,
            address: &question.address,
        };
        let online = self.session.as_ref().is_some_and(|session| session.online);
        if online && self.say(&order) {
            self.asked.insert(self.numbers, question.answer);
        } else {
            let why = self.status.borrow().state.words().to_owned();
            let _ = question.answer.send(Err(SendError::Unreachable(why)));
        }
    }
}

/// Returns the time before which no message is looked for, as the network counts.
pub(super) fn since_ns() -> i64 {
    clock::now().before(LOOK_BACK).0.saturating_mul(1_000)
}

fn earlier_waits() -> SendError {
    SendError::Unreachable("an earlier message waits".to_owned())
}
