//! What the sidecar says, and what follows from it. A frame that cannot be is the end of the sidecar that said it.

use coworker_core::{PeerId, Tier};
use tokio::time::Instant;

use super::Bridge;
use crate::clock;
use crate::report::printable;
use crate::transport::SendError;
use crate::transport::xmtp::consent::{Statement, is_id};
use crate::transport::xmtp::frame::{Frame, Order};
use crate::transport::xmtp::status::{State, Trouble};
use crate::trust::sight_of;

impl Bridge {
    pub(super) async fn hear(&mut self, said: Option<Result<Frame, String>>) {
        if let Some(session) = &mut self.session {
            session.heard = Instant::now();
        }
        match said {
            None => self.fail(Trouble::passing(""), false).await,
            Some(Err(why)) => {
                let why = format!("the sidecar said something that is no frame ({why})");
                self.fail(Trouble::passing(printable(&why)), true).await;
            }
            Some(Ok(Frame::Trouble { why })) => {
                let why = printable(&why);
                self.fail(Trouble::read(&why), false).await;
            }
            Some(Ok(frame)) => {
                if let Err(trouble) = self.obey(frame) {
                    self.fail(trouble, true).await;
                }
            }
        }
    }

    pub(super) fn obey(&mut self, frame: Frame) -> Result<(), Trouble> {
        match frame {
            Frame::Sign { id, text } => self.sign(id, &text)?,
            Frame::Ready {
                inbox,
                installation,
                library,
                node,
                known,
            } => {
                let ours = self.options.record.known();
                let stranger = ours.inbox.as_ref().is_some_and(|ours| *ours != inbox);
                if stranger || !is_id(&inbox) {
                    return Err(Trouble::stranger(&printable(&inbox)));
                }
                if !known {
                    return Err(Trouble::forgotten());
                }
                if ours.inbox.is_none() {
                    let written = self.options.record.set_inbox(&inbox);
                    written.map_err(|error| Trouble::passing(error.to_string()))?;
                }
                if let Some(session) = &mut self.session {
                    session.ready = true;
                }
                self.status.send_modify(|status| {
                    status.inbox = Some(inbox);
                    status.installation = Some(printable(&installation));
                    status.library = Some(printable(&library));
                    status.node = Some(printable(&node));
                });
            }
            Frame::Online => self.online(true, String::new()),
            Frame::Offline { why } => self.online(false, printable(&why)),
            Frame::Message {
                peer,
                id,
                sent_ns,
                size,
                text,
                first,
            } => self.receive(&peer, id, &sent_ns, (size, text), first)?,
            Frame::Twin { by, sent_ns, text } => {
                self.twin
                    .hear(&by, sent_ns.parse().unwrap_or_default(), &text);
            }
            Frame::Sent { id } => {
                if let Some(flight) = self.flights.remove(&id) {
                    self.slowed = 0;
                    let _ = flight.queued.message.done.send(Ok(()));
                }
            }
            Frame::Failed { id, kind, why } => self.sending_failed(id, kind, &why),
            Frame::Resolved { id, inbox, why } => {
                let Some(asked) = self.asked.remove(&id) else {
                    return Ok(());
                };
                let found = match (inbox, why) {
                    (None, Some(why)) => Err(SendError::Unreachable(printable(&why))),
                    (None, None) => Ok(None),
                    (Some(inbox), _) => Ok(format!("xmtp:{inbox}").parse().ok()),
                };
                let _ = asked.send(found);
            }
            Frame::Group { id, by } => self.joined(id, &by),
            Frame::Forgot { count } => {
                tracing::debug!(count, "the client's database forgot what is old");
            }
            Frame::Pong(pulse) => self.beat(pulse),
            Frame::Trouble { why } => return Err(Trouble::read(&printable(&why))),
        }
        Ok(())
    }

    /// Leaves a group unless it is by somebody the owner trusts. What is said in it is not read either way: nothing here
    /// speaks in groups yet.
    fn joined(&mut self, group: String, by: &str) {
        let by = format!("xmtp:{by}").parse::<PeerId>().ok();
        let store = self.options.store.clone();
        self.joining.push(Box::pin(async move {
            let row = match &by {
                Some(peer) => store.peer(peer).await.ok().flatten(),
                None => None,
            };
            let tier = row.map_or(Tier::Untrusted, |row| sight_of(&row, false, clock::now()).highest());
            if tier == Tier::Untrusted {
                tracing::info!(by = ?by.map(|peer| peer.to_string()), "a group that nobody asked for is left");
            }
            (group, tier == Tier::Untrusted)
        }));
    }

    pub(super) fn sign(&mut self, id: u64, text: &str) -> Result<(), Trouble> {
        let known = self.options.record.known();
        let judged = Statement::judge(text, &self.options.wallet.address(), &known);
        let signature = match judged {
            Ok(statement) => {
                // Written down first: what is signed can be used, whatever happens to us.
                let written = self
                    .options
                    .record
                    .set_installation(&statement.installation);
                written.map_err(|error| Trouble::passing(error.to_string()))?;
                tracing::info!(
                    installation = statement.installation,
                    "an installation was given the right to speak for us"
                );
                self.options.wallet.sign(text).ok()
            }
            Err(why) => {
                tracing::warn!(%why, text = printable(text), "the sidecar asked for a signature that it does not get");
                None
            }
        };
        let signature = signature.map(|bytes| crate::home::hex(&bytes));
        self.say(&Order::Signature { id, signature });
        Ok(())
    }

    pub(super) fn online(&mut self, online: bool, why: String) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.online = online;
        if online && self.is_stalled {
            // Until a message comes through, it is no better than before.
            let why = self.status.borrow().why.clone().unwrap_or_default();
            self.turn(State::Stalled, Some(Trouble::stalled(why)));
        } else if online {
            self.failures = 0;
            if self.turn(State::Ready, None) {
                tracing::info!("the bridge to XMTP is up");
            }
        } else {
            let trouble = Trouble {
                state: State::Offline,
                why,
                hint: self.options.offline_hint,
            };
            self.turn(State::Offline, Some(trouble));
        }
    }
}
