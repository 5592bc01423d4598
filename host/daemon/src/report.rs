//! What a person at the terminal reads when something goes wrong, and the one way that text we did not write reaches
//! a terminal. Nothing here is for peers: they get a refusal, never a cause.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a command ended, as the shell sees it. Success is the absence of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// The request failed: a refusal, a peer's error, something that does not exist.
    Failed = 1,
    /// The command line does not make sense.
    Usage = 2,
    /// The home or its configuration is not usable.
    Config = 3,
    /// Nobody answers: no host runs, or a peer cannot be reached.
    Unreachable = 4,
    /// A fault of ours.
    Internal = 70,
}

impl Exit {
    /// Returns the exit code of the process.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what it was asked: what failed, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed, lower-case, without a full stop.
    pub what: String,
    /// Why, the nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How the process ends.
    pub exit: Exit,
}

impl Failure {
    /// Returns a failure with this exit code and no cause yet.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            causes: Vec::new(),
            hint: None,
            exit,
        }
    }

    /// Returns the failure of a request that was understood.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// Returns the failure of a command line that makes no sense.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Returns the failure of a home or configuration that cannot be used.
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Exit::Config, what)
    }

    /// Returns the failure to reach somebody.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, what)
    }

    /// Returns a fault of ours.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Exit::Internal, what)
    }

    /// Adds a cause behind those already there.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds an error and everything that it says caused it.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some libraries repeat the text of their source in their own; saying it once is enough.
            if self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The lines `error:`, `cause:` and `hint:`, each made printable.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.what))?;
        for cause in &self.causes {
            write!(f, "\ncause: {}", printable(cause))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl From<anyhow::Error> for Failure {
    /// A failure travels through `anyhow` unchanged; anything else that got this far is a fault of ours.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => {
                let mut chain = error.chain().map(ToString::to_string);
                let mut failure = Self::internal(chain.next().unwrap_or_default());
                failure.causes.extend(chain);
                failure
            }
        }
    }
}

/// Returns `text` as one line in which nothing can move the cursor, reorder what is around it, or hide: control,
/// format, bidirectional and zero-width characters become escapes such as `\n` or `\u{202e}`.
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_unseen(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// Returns JSON text that says the same, in which what a terminal would hide or obey is escaped as JSON escapes it.
pub fn printable_json(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line
}

/// Returns whether a terminal shows nothing for this character, or obeys it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Soft hyphen, joiners, fillers: no width, or blank where a letter should be.
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
            // Format characters of scripts, and the Mongolian separators.
            | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{180b}'..='\u{180f}'
            // Zero-width, line and paragraph separators, bidirectional controls, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Variation selectors: a text can be hidden in a run of them.
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags and the variation selectors supplement.
            | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_gets_through() {
        assert_eq!(printable("plain, é, 漢字, 🙂"), "plain, é, 漢字, 🙂");
        assert_eq!(printable("a\nb\tc\r"), "a\\nb\\tc\\r");
        assert_eq!(printable("\u{1b}[2J\u{9b}1m"), "\\u{1b}[2J\\u{9b}1m");
        assert_eq!(printable("user\u{202e}gpj.exe"), "user\\u{202e}gpj.exe");
        assert_eq!(
            printable("pay\u{200b}pal\u{e0041}"),
            "pay\\u{200b}pal\\u{e0041}"
        );
        for c in ['\u{2066}', '\u{feff}', '\u{fe0f}', '\u{7f}', '\u{3164}'] {
            assert!(printable(&c.to_string()).is_ascii(), "{c:?}");
        }
    }

    #[test]
    fn json_says_the_same_after_escaping() {
        let value = serde_json::json!({"k\u{202e}": "a\u{9b}\u{e0041}b\n"});
        let text = printable_json(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).ok(),
            Some(value)
        );
    }

    #[test]
    fn a_failure_is_three_kinds_of_lines() {
        let io = std::io::Error::other("disk\u{1b}gone");
        let failure = Failure::config("cannot read the configuration")
            .caused_by(&io)
            .hint("run `coworker-host doctor`");
        assert_eq!(
            failure.to_string(),
            "error: cannot read the configuration\ncause: disk\\u{1b}gone\nhint: run `coworker-host doctor`"
        );
        let back: Failure =
            serde_json::from_str(&serde_json::to_string(&failure).expect("plain data"))
                .expect("same shape");
        assert_eq!(back, failure);
        assert_eq!(Exit::Internal.code(), 70);
    }

    #[test]
    fn failures_survive_anyhow_and_others_are_ours() {
        let failure = Failure::usage("no such tier");
        assert_eq!(Failure::from(anyhow::Error::new(failure.clone())), failure);
        let other = Failure::from(anyhow::anyhow!("deep").context("shallow"));
        assert_eq!(other, Failure::internal("shallow").cause("deep"));
    }
}
