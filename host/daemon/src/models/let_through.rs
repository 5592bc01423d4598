//! The one place through which everything passes that a model wrote, before a guest or a peer can see it.

use super::conversation::Conversation;
use super::{Fault, Inner};

/// Returns what may be passed on of a whole answer, or why nothing of it may.
///
/// Nothing is held back yet.
pub(super) async fn let_through(
    _: &Inner,
    _: &Conversation,
    text: String,
) -> Result<String, Fault> {
    Ok(text)
}

/// What holds back the end of an answer on its way until it is known that it may go.
#[derive(Debug, Default)]
pub(super) struct Window {
    held: String,
}

impl Window {
    /// Takes the next piece in, and returns what may go of all that came so far.
    pub(super) async fn push(
        &mut self,
        inner: &Inner,
        conversation: &Conversation,
        piece: &str,
    ) -> Result<String, Fault> {
        self.held.push_str(piece);
        let_through(inner, conversation, std::mem::take(&mut self.held)).await
    }

    /// Returns what was held back to the end.
    pub(super) async fn end(
        &mut self,
        inner: &Inner,
        conversation: &Conversation,
    ) -> Result<String, Fault> {
        let_through(inner, conversation, std::mem::take(&mut self.held)).await
    }
}
