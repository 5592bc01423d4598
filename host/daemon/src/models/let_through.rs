//! The one place through which everything passes that a model wrote, before a guest or a peer can see it.

use coworker_core::guard;

use super::conversation::Conversation;
use super::{Fault, Inner};
use crate::guarding::{Passing, Stage};
use crate::store::LogLevel;

/// Returns what may be passed on of a whole answer, or why nothing of it may.
pub(super) async fn let_through(
    inner: &Inner,
    conversation: &Conversation,
    text: String,
) -> Result<String, Fault> {
    Ok(look(inner, conversation, &text, false)
        .await?
        .unwrap_or(text))
}

/// Returns what stands in for the text, if it may be passed on as something else only.
async fn look(
    inner: &Inner,
    conversation: &Conversation,
    text: &str,
    is_begun: bool,
) -> Result<Option<String>, Fault> {
    let passing = Passing {
        task: conversation.task,
        peer: &conversation.peer,
        tier: conversation.tier,
        entry: &conversation.entry,
        input: &conversation.input,
        is_begun,
        earlier: Some(&conversation.earlier),
    };
    let passed = inner
        .guards
        .pass(passing, Stage::Model, text)
        .await
        .map_err(|held| Fault::Held(held.0))?;
    if let Some(note) = passed.note {
        conversation.note(LogLevel::Warn, note);
    }
    Ok(passed.instead)
}

/// What holds back the end of an answer on its way until it is known that it may go.
#[derive(Debug, Default)]
pub(super) struct Window {
    window: guard::Window,
}

impl Window {
    /// Takes the next piece in, and returns what may go of all that came so far.
    pub(super) async fn push(
        &mut self,
        inner: &Inner,
        conversation: &Conversation,
        piece: &str,
    ) -> Result<String, Fault> {
        if !self.window.push(piece) {
            return Ok(String::new());
        }
        self.go_on(inner, conversation, false).await
    }

    /// Returns what was held back to the end.
    pub(super) async fn end(
        &mut self,
        inner: &Inner,
        conversation: &Conversation,
    ) -> Result<String, Fault> {
        self.go_on(inner, conversation, true).await
    }

    async fn go_on(
        &mut self,
        inner: &Inner,
        conversation: &Conversation,
        end: bool,
    ) -> Result<String, Fault> {
        // What has gone cannot be taken back, and what is left would no longer fit to it: nothing stands in for it.
        match look(inner, conversation, self.window.text(), true).await? {
            None => Ok(self.window.release(end)),
            Some(_) => Err(Fault::Held(
                "an answer in pieces holds private text: it can only be held back".to_owned(),
            )),
        }
    }
}
