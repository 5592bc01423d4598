//! A provider that is a file of rules, for tests and demonstrations: the first rule that fits answers. It can also do what
//! a model must not: repeat what it was told, plain or disguised.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coworker_core::Span;
use serde::Deserialize;
use serde_json::Value;

use super::Fault;
use super::question::{End, Piece, Question, Role, Tokens, Written};

/// The largest script.
const LARGEST: u64 = 16 << 20;
/// How many characters a piece of a stream has.
const PIECE: usize = 16;

/// The rules, in order. A file without rules echoes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Script {
    /// Written `[[rule]]` in TOML.
    rule: Vec<Rule>,
}

/// One rule. It fits where everything holds that it names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rule {
    /// What the last message of the user holds.
    contains: Option<String>,
    /// What the private text holds.
    system_contains: Option<String>,
    /// Which model is asked.
    model: Option<String>,
    /// Whether it is the second try.
    repair: Option<bool>,
    /// What it answers.
    answer: Option<String>,
    /// The JSON that it answers.
    json: Option<Value>,
    /// What it does instead of answering so.
    mode: Option<Mode>,
    /// How it fails.
    fail: Option<Fail>,
    /// How long it takes.
    delay: Option<Span>,
    /// So many bytes of `x` instead.
    size: Option<usize>,
    /// Tokens read, as it counts them.
    tokens_in: Option<u64>,
    /// Tokens written, as it counts them.
    tokens_out: Option<u64>,
}

/// What the answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// What the user said.
    Echo,
    /// The private text.
    Repeat,
    /// The private text in base64.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// Each letter moved by 13.
    Rot13,
    /// From the end.
    Reverse,
    /// All that it was asked, as JSON: what a provider gets to see.
    Question,
}

/// How a provider fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fail {
    Down,
    WrongKey,
    UnknownModel,
    Busy,
    Server,
    Refused,
    Timeout,
    BrokenOff,
}

impl Script {
    /// Reads a script, TOML or JSON.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let meta = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(format!("{shown} is no file of at most 16 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        if path.extension().is_some_and(|end| end == "json") {
            serde_json::from_str(&text).map_err(|error| format!("{shown}: {error}"))
        } else {
            toml::from_str(&text).map_err(|error| format!("{shown}: {}", error.message()))
        }
    }

    /// Answers a question.
    pub(super) async fn whole(&self, question: &Question) -> Result<Written, Fault> {
        let rule = self.rule(question);
        if let Some(delay) = rule.and_then(|rule| rule.delay) {
            tokio::time::sleep(delay.0).await;
        }
        if let Some(fault) = rule.and_then(|rule| rule.fault(question)) {
            return Err(fault);
        }
        let text = rule.map_or_else(|| question.said(), |rule| rule.text(question));
        let count = |bytes: usize| Some(u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX));
        Ok(Written {
            tokens: Tokens {
                read: rule
                    .and_then(|rule| rule.tokens_in)
                    .or_else(|| count(question.len())),
                written: rule
                    .and_then(|rule| rule.tokens_out)
                    .or_else(|| count(text.len())),
                paid: None,
            },
            end: End::Done,
            text,
        })
    }

    /// Answers a question in pieces.
    pub(super) async fn pieces(&self, question: &Question) -> Result<Vec<Piece>, Fault> {
        let written = self.whole(question).await?;
        let characters: Vec<char> = written.text.chars().collect();
        let mut pieces: Vec<Piece> = characters
            .chunks(PIECE)
            .map(|chunk| Piece::Text(chunk.iter().collect()))
            .collect();
        pieces.push(Piece::Tokens(written.tokens));
        pieces.push(Piece::End(written.end));
        Ok(pieces)
    }

    fn rule(&self, question: &Question) -> Option<&Rule> {
        self.rule.iter().find(|rule| rule.fits(question))
    }
}

impl Rule {
    fn fits(&self, question: &Question) -> bool {
        let holds = |wanted: &Option<String>, text: &str| {
            wanted.as_deref().is_none_or(|part| text.contains(part))
        };
        holds(&self.contains, &question.said())
            && holds(&self.system_contains, question.system.reveal())
            && self
                .model
                .as_ref()
                .is_none_or(|model| *model == question.model)
            && self
                .repair
                .is_none_or(|repair| repair == (question.turns.len() > 1))
    }

    fn text(&self, question: &Question) -> String {
        let secret = question.system.reveal();
        match self.mode {
            None => {}
            Some(Mode::Echo) => return question.said(),
            Some(Mode::Repeat) => return secret.to_owned(),
            Some(Mode::Base64) => return STANDARD.encode(secret),
            Some(Mode::Hex) => {
                return secret.bytes().fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
            }
            Some(Mode::Rot13) => return secret.chars().map(rotated).collect(),
            Some(Mode::Reverse) => return secret.chars().rev().collect(),
            Some(Mode::Question) => return question.shown(),
        }
        if let Some(size) = self.size {
            return "x".repeat(size);
        }
        match (&self.answer, &self.json) {
            (Some(text), _) => text.clone(),
            (None, Some(json)) => json.to_string(),
            (None, None) => String::new(),
        }
    }

    fn fault(&self, question: &Question) -> Option<Fault> {
        Some(match self.fail? {
            Fail::Down => Fault::Unreachable("the script says so".to_owned()),
            Fail::WrongKey => Fault::WrongKey(401),
            Fail::UnknownModel => Fault::UnknownModel {
                model: question.model.clone(),
                status: 404,
            },
            Fail::Busy => Fault::Busy(429),
            Fail::Server => Fault::Failed {
                status: 500,
                word: None,
            },
            Fail::Refused => Fault::Refused,
            Fail::Timeout => Fault::TimedOut(super::question::TIMEOUT),
            Fail::BrokenOff => Fault::BrokeOff,
        })
    }
}

impl Question {
    /// Returns what the user said last.
    fn said(&self) -> String {
        self.turns
            .iter()
            .rev()
            .find(|turn| turn.role == Role::User)
            .map(|turn| turn.text.clone())
            .unwrap_or_default()
    }

    /// Returns all of it but the private text, of which only the length is told.
    fn shown(&self) -> String {
        let turns: Vec<Value> = self
            .turns
            .iter()
            .map(|turn| serde_json::json!([turn.role.name(), turn.text]))
            .collect();
        serde_json::json!({
            "model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens,
            "schema": self.schema, "system_bytes": self.system.reveal().len(), "turns": turns,
        })
        .to_string()
    }
}

fn rotated(c: char) -> char {
    let turn = |base: u8| char::from((c as u8 - base + 13) % 26 + base);
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use coworker_core::Secret;

    use super::*;
    use crate::models::question::Turn;

    fn question(said: &str) -> Question {
        Question {
            system: Secret::new("Stir the soup."),
            turns: vec![Turn::user(said.to_owned())],
            model: "m".to_owned(),
            temperature: None,
            max_tokens: 9,
            schema: None,
            is_shaped_by_guest: false,
            most: 100,
        }
    }

    async fn answer(rules: &str, said: &str) -> Result<String, Fault> {
        let script: Script = toml::from_str(rules).expect("a script");
        script.whole(&question(said)).await.map(|it| it.text)
    }

    #[tokio::test]
    async fn the_first_rule_that_fits_answers() {
        let rules = "[[rule]]\ncontains = \"soup\"\nanswer = \"no\"\n[[rule]]\nsystem_contains = \"Stir\"\njson = { a = 1 }\n";
        assert_eq!(answer(rules, "soup?").await.as_deref(), Ok("no"));
        assert_eq!(answer(rules, "else").await.as_deref(), Ok("{\"a\":1}"));
        assert_eq!(answer("", "hello").await.as_deref(), Ok("hello"));
        let other = "[[rule]]\nmodel = \"n\"\nanswer = \"x\"\n";
        assert_eq!(answer(other, "hello").await.as_deref(), Ok("hello"));
    }

    #[tokio::test]
    async fn it_can_say_what_it_must_not() {
        for (mode, expected) in [
            ("repeat", "Stir the soup."),
            ("base64", "U3RpciB0aGUgc291cC4="),
            ("hex", "537469722074686520736f75702e"),
            ("rot13", "Fgve gur fbhc."),
            ("reverse", ".puos eht ritS"),
        ] {
            let got = answer(&format!("[[rule]]\nmode = \"{mode}\"\n"), "x").await;
            assert_eq!(got.as_deref(), Ok(expected));
        }
    }

    #[tokio::test]
    async fn it_can_fail_and_be_large_and_come_in_pieces() {
        let failed = answer("[[rule]]\nfail = \"wrong-key\"\n", "x").await;
        assert_eq!(failed, Err(Fault::WrongKey(401)));
        let large = answer("[[rule]]\nsize = 1000\n", "x").await.expect("text");
        assert_eq!(large.len(), 1_000);
        let script: Script =
            toml::from_str("[[rule]]\nanswer = \"0123456789abcdefghij\"\n").expect("a script");
        let pieces = script.pieces(&question("x")).await.expect("pieces");
        assert_eq!(pieces[0], Piece::Text("0123456789abcdef".to_owned()));
        assert_eq!(pieces[1], Piece::Text("ghij".to_owned()));
        assert_eq!(pieces.last(), Some(&Piece::End(End::Done)));
    }
}
