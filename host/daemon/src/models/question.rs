//! A question to a model and its answer, as every provider is asked and answers, whatever it speaks.

use coworker_core::{Secret, Span};
use serde_json::Value;

use super::Fault;

/// A question. The private text stands for itself; all that comes from a caller, a guest or a model stands in `turns`.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What the model is told: a private text, verbatim.
    pub(super) system: Secret,
    /// What is said, the user first and last.
    pub(super) turns: Vec<Turn>,
    /// Which model.
    pub(super) model: String,
    /// 0.0 to 2.0.
    pub(super) temperature: Option<f32>,
    /// The most tokens to write.
    pub(super) max_tokens: u32,
    /// What the answer has to pass.
    pub(super) schema: Option<Value>,
    /// The schema is a component's own, which it may have made of what a caller said.
    pub(super) is_shaped_by_guest: bool,
    /// The most bytes of text that are of use.
    pub(super) most: usize,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) role: Role,
    pub(super) text: String,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) tokens: Tokens,
    pub(super) end: End,
}

/// What the provider counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) read: Option<u64>,
    pub(super) written: Option<u64>,
    /// How many tokens at the plain price what was read costs, where that is another number: what a provider keeps for the
    /// next question costs more, and what it kept costs less.
    pub(super) paid: Option<u64>,
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// It was done.
    #[default]
    Done,
    /// It reached the most tokens.
    Cut,
    /// It, or the provider, does not want to go on.
    Refused,
}

/// A part of an answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Tokens(Tokens),
    End(End),
    /// The provider failed in the middle.
    Fault(Fault),
}

impl Turn {
    /// Returns what the user says.
    pub(super) fn user(text: String) -> Self {
        Self {
            role: Role::User,
            text,
        }
    }

    /// Returns what the model said.
    pub(super) fn assistant(text: String) -> Self {
        Self {
            role: Role::Assistant,
            text,
        }
    }
}

impl Written {
    /// Returns the answer as if it had come in one piece.
    pub(super) fn into_pieces(self) -> [Piece; 3] {
        [
            Piece::Text(self.text),
            Piece::Tokens(self.tokens),
            Piece::End(self.end),
        ]
    }
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl Tokens {
    /// Returns the counts with what is newer put over them.
    pub(super) fn or(self, newer: Self) -> Self {
        Self {
            read: newer.read.or(self.read),
            written: newer.written.or(self.written),
            paid: newer.paid.or(self.paid),
        }
    }
}

impl Tokens {
    /// Returns both together, as far as both are known.
    pub(super) fn plus(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Self {
            read: sum(self.read, other.read),
            written: sum(self.written, other.written),
            paid: sum(self.paid.or(self.read), other.paid.or(other.read)),
        }
    }
}

impl Question {
    /// Returns the bytes that the model has to read.
    pub(super) fn len(&self) -> usize {
        let said: usize = self.turns.iter().map(|turn| turn.text.len()).sum();
        let schema = self
            .schema
            .as_ref()
            .map_or(0, |schema| schema.to_string().len());
        self.system.reveal().len() + said + schema
    }

    /// Returns a schema in words, for a provider that takes none.
    pub(super) fn in_words(schema: &Value) -> String {
        format!(
            "Answer with JSON alone, without any text around it. It must pass this JSON Schema:\n{schema}"
        )
    }

    /// Returns whether the schema is one of an object, which is what providers take.
    pub(super) fn wants_object(&self) -> bool {
        self.schema
            .as_ref()
            .and_then(|schema| schema.get("type"))
            .is_some_and(|kind| kind == "object")
    }
}

/// How long a provider is waited for if nobody says otherwise.
pub(super) const TIMEOUT: Span = Span::secs(120);
/// The most tokens of an answer if nobody says otherwise.
pub(super) const MAX_TOKENS: u32 = 8_192;
