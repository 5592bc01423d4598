//! How the demo says what happens: a line for each step with the time it took, and notes under it.

use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::ui::{Colour, Ui};
use crate::report::printable;

/// Prints what happened and how long it took.
pub(super) struct Step<'u> {
    pub(super) ui: &'u Ui,
}

impl Step<'_> {
    /// Says what was done since `started`.
    pub(super) fn say(&self, what: &str, started: Instant) {
        let ms = started.elapsed().as_secs_f64() * 1_000.0;
        if self.ui.json {
            self.ui.document(&json!({ "step": what, "ms": ms }));
        } else {
            let took = self.ui.paint(Colour::Good, &format!("{ms:>9.1} ms"));
            self.ui.line(&format!("{took}  {}", printable(what)));
        }
    }

    /// Says what was called since `started`, and what came back.
    pub(super) fn call(&self, what: &str, reply: &Value, started: Instant) {
        if self.ui.json {
            let ms = started.elapsed().as_secs_f64() * 1_000.0;
            self.ui
                .document(&json!({ "step": what, "ms": ms, "reply": reply }));
        } else {
            self.say(what, started);
            self.note(&format!("= {}", reply.get("result").unwrap_or(reply)));
        }
    }

    /// Says more about the step before, to people.
    pub(super) fn note(&self, what: &str) {
        if !self.ui.json {
            self.ui.line(&format!("{:>12}    {}", "", printable(what)));
        }
    }

    /// Starts a part of the demo, for people.
    pub(super) fn part(&self, title: &str) {
        if !self.ui.json {
            self.ui.line("");
            self.ui.line(&self.ui.paint(Colour::Heading, title));
        }
    }

    /// Says something that took no time: words for people, a document for machines.
    pub(super) fn remark(&self, what: &str, document: Value) {
        if self.ui.json {
            self.ui.document(&document);
        } else {
            self.ui.line(&format!("{:>12}  {}", "", printable(what)));
        }
    }
}
