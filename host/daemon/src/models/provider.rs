//! One provider of the owner's: where it is, how it is asked, and what it costs.

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use coworker_core::Span;
use coworker_core::budget::Cost;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::key::{Key, Source};
use super::question::{MAX_TOKENS, Piece, Question, TIMEOUT, Tokens, Written};
use super::scripted::Script;
use super::transfer::{Answer, Parcel, Transfer, Way};
use super::{Fault, anthropic, openai};
use crate::config::{ProviderConfig, ProviderKind, Structured};
use crate::secret_command::SecretCommand;

/// The parts of an answer on its way.
pub(super) type Pieces = BoxStream<'static, Result<Piece, Fault>>;

/// A provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    kind: ProviderKind,
    base: Option<Url>,
    /// The model where nobody names one.
    pub(super) model: Option<String>,
    key: Key,
    timeout: Span,
    pub(super) max_tokens: u32,
    /// How it is asked for JSON. Goes down where it turns out that it does not take what it should.
    structured: Mutex<Structured>,
    price_in: Option<f64>,
    price_out: Option<f64>,
    script: Option<Result<Script, String>>,
}

/// A question and how its answer is wanted.
struct Asked<'a> {
    question: &'a Question,
    way: Way,
    deadline: Instant,
}

/// A provider as the owner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderRow {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub kind: &'static str,
    /// The model where a skill names none.
    pub model: Option<String>,
    /// Where the key is, in words.
    pub key: String,
    /// Why it cannot be asked, if it cannot.
    pub missing: Option<String>,
    /// Whether it answers where a skill names nobody.
    pub default: bool,
    /// Whether its prices are known.
    pub priced: bool,
}

impl Provider {
    /// Returns the provider of a section of the configuration. Paths in it are relative to `home`.
    pub(super) fn new(
        name: &str,
        config: &ProviderConfig,
        home: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let kind = config.kind(name)?;
        let usual = kind.usual();
        let base = config.base_url.as_deref().unwrap_or(usual.base_url);
        let source = if let Some(name) = &config.key_env {
            Source::Env(name.clone())
        } else if let Some(path) = &config.key_file {
            Source::File(home.join(path))
        } else if let Some(line) = &config.key_command {
            Source::Command(SecretCommand {
                key: format!("llm.{name}.key_command"),
                line: line.clone(),
            })
        } else {
            // A key is sent nowhere but to whom it is for.
            match usual.key_env.filter(|_| config.base_url.is_none()) {
                Some(name) => Source::Env(name.to_owned()),
                None => Source::Nowhere,
            }
        };
        let usual_model = usual.model.filter(|_| config.base_url.is_none());
        Some(Self {
            name: name.to_owned(),
            kind,
            base: base.parse().ok(),
            model: config
                .model
                .clone()
                .or_else(|| usual_model.map(str::to_owned)),
            key: Key::new(source, environment),
            timeout: config.timeout.unwrap_or(TIMEOUT),
            max_tokens: config.max_tokens.unwrap_or(MAX_TOKENS),
            structured: Mutex::new(config.structured.unwrap_or(usual.structured)),
            price_in: config.price_in,
            price_out: config.price_out,
            script: config
                .script
                .as_ref()
                .filter(|_| kind == ProviderKind::Scripted)
                .map(|path| Script::read(&home.join(path))),
        })
    }

    /// Returns why it cannot be asked, if that is known without asking.
    pub(super) fn missing(&self, model: Option<&str>) -> Option<String> {
        if self.kind == ProviderKind::Scripted {
            return match &self.script {
                None => Some("it has no `script`".to_owned()),
                Some(Ok(_)) => None,
                Some(Err(why)) => Some(why.clone()),
            };
        }
        if self.base.is_none() {
            return Some("it has no `base_url`".to_owned());
        }
        if model.or(self.model.as_deref()).is_none() {
            return Some(format!("name a `model` under [llm.{}]", self.name));
        }
        self.key.missing()
    }

    /// Returns it as the owner sees it.
    pub(super) fn row(&self, is_default: bool) -> ProviderRow {
        ProviderRow {
            name: self.name.clone(),
            kind: self.kind.usual().name,
            model: self.model.clone(),
            key: self.key.place(),
            missing: self.missing(None),
            default: is_default,
            priced: self.price_in.is_some() && self.price_out.is_some(),
        }
    }

    /// Returns what so many tokens cost, if the price is known.
    pub(super) fn cost(&self, read: u64, written: u64) -> Option<Cost> {
        let Cost(read) = Cost::of(read, self.price_in?);
        let Cost(written) = Cost::of(written, self.price_out?);
        Some(Cost(read.saturating_add(written)))
    }

    /// Asks, and returns the whole answer.
    pub(super) async fn whole(
        &self,
        transfer: &Transfer,
        question: &Question,
        deadline: Instant,
        note: &(dyn Fn(String) + Sync),
    ) -> Result<Written, Fault> {
        if let Some(script) = self.script()? {
            return script.whole(question).await;
        }
        let asked = Asked {
            question,
            way: Way::Whole,
            deadline,
        };
        let Answer::Whole(answer) = self.ask(transfer, &asked, note).await? else {
            return Err(Fault::Garbled("it came in pieces"));
        };
        self.read(&answer)
    }

    /// Asks, and returns the answer in pieces.
    pub(super) async fn pieces(
        &self,
        transfer: &Transfer,
        question: &Question,
        deadline: Instant,
        note: &(dyn Fn(String) + Sync),
    ) -> Result<Pieces, Fault> {
        if let Some(script) = self.script()? {
            let pieces = script.pieces(question).await?;
            return Ok(stream::iter(pieces.into_iter().map(Ok)).boxed());
        }
        let asked = Asked {
            question,
            way: Way::Stream,
            deadline,
        };
        let events = match self.ask(transfer, &asked, note).await? {
            Answer::Events(events) => events,
            Answer::Whole(answer) => {
                let pieces = self.read(&answer)?.into_pieces();
                return Ok(stream::iter(pieces.into_iter().map(Ok)).boxed());
            }
        };
        let read = match self.kind {
            ProviderKind::Anthropic => anthropic::pieces,
            _ => openai::pieces,
        };
        let pieces = events.flat_map(move |event| {
            let pieces = match event {
                Ok(event) => read(&event)
                    .into_iter()
                    .map(|piece| match piece {
                        Piece::Fault(fault) => Err(fault),
                        piece => Ok(piece),
                    })
                    .collect(),
                Err(fault) => vec![Err(fault)],
            };
            stream::iter(pieces)
        });
        Ok(pieces.boxed())
    }

    fn read(&self, answer: &serde_json::Value) -> Result<Written, Fault> {
        match self.kind {
            ProviderKind::Anthropic => anthropic::read(answer),
            _ => openai::read(answer),
        }
    }

    fn script(&self) -> Result<Option<&Script>, Fault> {
        match &self.script {
            None => Ok(None),
            Some(Ok(script)) => Ok(Some(script)),
            Some(Err(why)) => Err(Fault::Unconfigured(why.clone())),
        }
    }

    /// Asks, and where the provider does not take a question with a schema, asks once more without, and does so from then on.
    async fn ask(
        &self,
        transfer: &Transfer,
        asked: &Asked<'_>,
        note: &(dyn Fn(String) + Sync),
    ) -> Result<Answer, Fault> {
        let structured = self.structured();
        let parcel = self.parcel(asked, structured).await?;
        match transfer.send(&parcel, asked.way, note).await {
            Err(fault @ Fault::NotTaken { .. })
                if asked.question.schema.is_some() && structured != Structured::Text =>
            {
                note(format!("{fault}; asking once more without a schema"));
                let parcel = self.parcel(asked, Structured::Text).await?;
                let answer = transfer.send(&parcel, asked.way, note).await?;
                *self
                    .structured
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Structured::Text;
                Ok(answer)
            }
            Err(Fault::WrongKey(status)) => {
                self.key.forget();
                Err(Fault::WrongKey(status))
            }
            other => other,
        }
    }

    fn structured(&self) -> Structured {
        *self
            .structured
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn parcel(&self, asked: &Asked<'_>, structured: Structured) -> Result<Parcel, Fault> {
        let question = asked.question;
        let stream = asked.way == Way::Stream;
        let mut headers = HeaderMap::new();
        let (path, body) = if self.kind == ProviderKind::Anthropic {
            if let Some(key) = self.key.header("").await? {
                headers.insert(HeaderName::from_static("x-api-key"), key);
            }
            headers.insert(
                HeaderName::from_static("anthropic-version"),
                HeaderValue::from_static(anthropic::VERSION),
            );
            ("v1/messages", anthropic::body(question, structured, stream))
        } else {
            if let Some(key) = self.key.header("Bearer ").await? {
                headers.insert(header::AUTHORIZATION, key);
            }
            let manner = openai::Manner {
                structured,
                is_openai: self.is_openai(),
                stream,
            };
            ("chat/completions", openai::body(question, manner))
        };
        Ok(Parcel {
            url: self.url(path)?,
            headers,
            body: Bytes::from(body.to_string()),
            model: question.model.clone(),
            timeout: self.timeout,
            deadline: asked.deadline,
            most: question.most,
        })
    }

    fn is_openai(&self) -> bool {
        self.base
            .as_ref()
            .and_then(Url::host_str)
            .is_some_and(|host| host == "api.openai.com")
    }

    /// Returns the address of a call; a base that ends as the call begins is not doubled.
    fn url(&self, path: &str) -> Result<Url, Fault> {
        let base = self
            .base
            .clone()
            .ok_or_else(|| Fault::Unconfigured("the provider has no `base_url`".to_owned()))?;
        let mut url = base.clone();
        let before = base.path().trim_end_matches('/');
        let before = match path.split_once('/') {
            Some((first, _)) if first.starts_with('v') => {
                before.strip_suffix(&format!("/{first}")).unwrap_or(before)
            }
            _ => before,
        };
        url.set_path(&format!("{before}/{path}"));
        Ok(url)
    }
}

/// Returns what a question used where the provider does not say: about four bytes a token.
pub(super) fn estimated(question: &Question, written: usize) -> Tokens {
    let tokens = |bytes: usize| Some(u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX));
    Tokens {
        read: tokens(question.len()),
        written: tokens(written),
        paid: None,
    }
}

#[cfg(test)]
mod tests;
