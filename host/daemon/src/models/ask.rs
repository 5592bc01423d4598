//! One question, from the wish of a text to an answer that may be passed on: choose, set aside, ask, settle, let through.

use std::sync::Arc;

use coworker_core::Slot;
use coworker_core::budget::{Claim, Cost, Reservation, Spent};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::Value;

use super::choice::Chosen;
use super::conversation::Conversation;
use super::let_through::{Window, let_through};
use super::provider::{Pieces, estimated};
use super::question::{End, Piece, Question, Tokens, Turn, Written};
use super::{Fault, Inner};
use crate::clock;
use crate::store::LogLevel;

/// No answer has so many tokens, whatever its provider counts: what is on record of many can still be added up.
const COUNTED: u64 = u32::MAX as u64;

/// What is to be asked, besides the private text.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) turns: Vec<Turn>,
    pub(super) temperature: Option<f32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) schema: Option<Value>,
    /// A component asks, and not the host for a text of its own.
    pub(super) is_by_guest: bool,
    pub(super) most: usize,
}

/// An answer that may be passed on.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    pub(super) text: String,
    pub(super) tokens: Tokens,
}

/// An answer on its way, piece by piece, that may be passed on.
pub(super) type Answering = BoxStream<'static, Result<String, Fault>>;

impl Inner {
    /// Asks, and returns the whole answer.
    pub(super) async fn ask(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        slot: &Slot,
        wanted: Wanted,
    ) -> Result<Answered, Fault> {
        let mut asking = self.asking(conversation, slot, wanted)?;
        let note = |line| conversation.note(LogLevel::Warn, line);
        let question = &asking.question;
        let asked = asking
            .chosen
            .provider
            .whole(&self.transfer, question, conversation.deadline, &note)
            .await;
        let answered = match asked {
            Ok(written) => self.look_at(conversation, &mut asking, written).await,
            Err(fault) => Err(fault),
        };
        answered.inspect_err(|fault| asking.failed(fault))
    }

    /// Books what a whole answer used, and returns what of it may be passed on.
    async fn look_at(
        &self,
        conversation: &Conversation,
        asking: &mut Asking,
        written: Written,
    ) -> Result<Answered, Fault> {
        asking.settle(written.tokens, written.text.len());
        asking.look_at(written.end)?;
        let most = asking.question.most;
        if written.text.len() > most {
            return Err(Fault::TooLarge(coworker_core::Bytes(most as u64)));
        }
        if written.text.trim().is_empty() {
            return Err(Fault::Empty);
        }
        Ok(Answered {
            text: let_through(self, conversation, written.text).await?,
            tokens: written.tokens,
        })
    }

    /// Asks, and returns the answer in pieces.
    pub(super) async fn open(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        slot: &Slot,
        wanted: Wanted,
    ) -> Result<Answering, Fault> {
        let mut asking = self.asking(conversation, slot, wanted)?;
        let note = |line| conversation.note(LogLevel::Warn, line);
        let (provider, question) = (&asking.chosen.provider, &asking.question);
        let pieces = provider
            .pieces(&self.transfer, question, conversation.deadline, &note)
            .await;
        match pieces {
            Ok(pieces) => Ok(Flow::new(asking, pieces).stream()),
            Err(fault) => {
                asking.failed(&fault);
                Err(fault)
            }
        }
    }

    /// Chooses who is asked, and sets aside what it may cost.
    fn asking(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        slot: &Slot,
        wanted: Wanted,
    ) -> Result<Asking, Fault> {
        let chosen = self
            .providers
            .choose(&slot.wish)
            .map_err(Fault::Unconfigured)
            .inspect_err(|fault| conversation.note_fault(fault, "NAME"))?;
        if let Some(note) = &chosen.note {
            conversation.note(LogLevel::Info, note.clone());
        }
        let question = Question {
            system: slot.text.clone(),
            turns: wanted.turns,
            model: chosen.model.clone(),
            temperature: wanted.temperature.or(slot.wish.temperature),
            max_tokens: wanted
                .max_tokens
                .or(slot.wish.max_tokens)
                .unwrap_or(chosen.provider.max_tokens),
            schema: wanted.schema,
            is_shaped_by_guest: wanted.is_by_guest,
            most: wanted.most,
        };
        let most = most(&chosen, &question);
        let claim = Claim {
            peer: &conversation.payer,
            skill: conversation.entry.name(),
            most,
            trusted: &conversation.trusted,
        };
        let reserved = self.books().reserve(&self.budget, &claim, clock::now());
        let reservation = reserved
            .map_err(Fault::from)
            .inspect_err(|fault| conversation.note_fault(fault, &chosen.provider.name))?;
        Ok(Asking {
            inner: self.clone(),
            conversation: conversation.clone(),
            question,
            chosen,
            reservation: Some(reservation),
        })
    }
}

/// Returns what a question may cost at most. A token has at least two bytes in all but the oddest texts.
fn most(chosen: &Chosen, question: &Question) -> Spent {
    let read = u64::try_from(question.len() / 2 + 64).unwrap_or(u64::MAX);
    let written = u64::from(question.max_tokens);
    Spent {
        calls: 1,
        tokens: read.saturating_add(written),
        cost: chosen.provider.cost(read, written).unwrap_or_default(),
    }
}

/// A question under way, with what is set aside for it. Whoever lets go of it before the end pays what was set aside: the
/// provider may go on writing, and will send its bill.
struct Asking {
    inner: Arc<Inner>,
    conversation: Arc<Conversation>,
    question: Question,
    chosen: Chosen,
    reservation: Option<Reservation>,
}

impl Asking {
    /// Books what the question used; what the provider does not count is estimated.
    fn settle(&mut self, counted: Tokens, written: usize) {
        let tokens = estimated(&self.question, written).or(counted);
        let count = |tokens: Option<u64>| tokens.unwrap_or(0).min(COUNTED);
        let read = count(tokens.read);
        let paid = tokens.paid.map_or(read, |paid| count(Some(paid)));
        self.book(read, paid, count(tokens.written));
    }

    /// Books tokens that were read, as how many of the plain price they are paid, and those that were written.
    fn book(&mut self, read: u64, paid: u64, written: u64) {
        let Some(reservation) = self.reservation.take() else {
            return;
        };
        let cost = self.chosen.provider.cost(paid, written);
        let used = Spent {
            calls: 1,
            tokens: read.saturating_add(written),
            cost: cost.unwrap_or(Cost(0)),
        };
        self.inner.books().settle(&reservation, used, clock::now());
        self.conversation
            .add(&self.chosen.model, read, written, cost);
    }

    /// Writes down why there is no answer. A question that failed before anything was written costs its place, no more.
    fn failed(&mut self, fault: &Fault) {
        self.conversation
            .note_fault(fault, &self.chosen.provider.name);
        match fault {
            // The provider may have read and written all of it, and only we do not know.
            Fault::TimedOut(_) | Fault::BrokeOff | Fault::TooLarge(_) | Fault::Garbled(_) => {}
            _ => self.book(0, 0, 0),
        }
    }

    fn look_at(&self, end: End) -> Result<(), Fault> {
        match end {
            End::Done => Ok(()),
            End::Refused => Err(Fault::Refused),
            End::Cut => {
                let line = format!(
                    "the answer was cut off at {} tokens: raise `max_tokens`",
                    self.question.max_tokens
                );
                self.conversation.note(LogLevel::Warn, line);
                Ok(())
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(most) = self.reservation.as_ref().map(Reservation::most) {
            let written = u64::from(self.question.max_tokens).min(most.tokens);
            let read = most.tokens - written;
            self.book(read, read, written);
        }
    }
}

/// An answer on its way.
struct Flow {
    asking: Asking,
    pieces: Pieces,
    window: Window,
    tokens: Tokens,
    written: usize,
    end: Option<End>,
    is_over: bool,
}

impl Flow {
    fn new(asking: Asking, pieces: Pieces) -> Self {
        Self {
            asking,
            pieces,
            window: Window::default(),
            tokens: Tokens::default(),
            written: 0,
            end: None,
            is_over: false,
        }
    }

    fn stream(self) -> Answering {
        stream::unfold(self, |mut flow| async move {
            if flow.is_over {
                return None;
            }
            let next = flow.next().await;
            if let Err(fault) = &next {
                flow.asking.failed(fault);
            }
            flow.is_over |= next.is_err();
            match next {
                Ok(text) if text.is_empty() => None,
                next => Some((next, flow)),
            }
        })
        .boxed()
    }

    /// Returns the next text that may be passed on; an empty one is the end.
    async fn next(&mut self) -> Result<String, Fault> {
        loop {
            let most = self.asking.question.most;
            match self.pieces.next().await.transpose()? {
                Some(Piece::Text(text)) => {
                    self.written += text.len();
                    if self.written > most {
                        return Err(Fault::TooLarge(coworker_core::Bytes(most as u64)));
                    }
                    let Asking {
                        inner,
                        conversation,
                        ..
                    } = &self.asking;
                    let text = self.window.push(inner, conversation, &text).await?;
                    if !text.is_empty() {
                        return Ok(text);
                    }
                }
                Some(Piece::Tokens(tokens)) => self.tokens = self.tokens.or(tokens),
                // The reason is told before the last word that there is nothing more.
                Some(Piece::End(end)) if self.end.is_none_or(|it| it == End::Done) => {
                    self.end = Some(end);
                }
                Some(Piece::End(_)) => {}
                Some(Piece::Fault(fault)) => return Err(fault),
                None => {
                    self.is_over = true;
                    let end = self.end.ok_or(Fault::BrokeOff)?;
                    self.asking.settle(self.tokens, self.written);
                    self.asking.look_at(end)?;
                    if self.written == 0 {
                        return Err(Fault::Empty);
                    }
                    let Asking {
                        inner,
                        conversation,
                        ..
                    } = &self.asking;
                    return self.window.end(inner, conversation).await;
                }
            }
        }
    }
}
