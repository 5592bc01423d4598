//! Questions on their way: one pool of connections for all providers, bounded answers, and another try where that can help
//! and costs nothing: at 429 and at 5xx, within the call's own time.

use std::time::Duration;

use bytes::Bytes;
use coworker_core::Span;
use eventsource_stream::Eventsource;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::Fault;
use crate::clock;

/// How often a question is put again.
const TRIES: u32 = 3;
/// How long to wait before the second try; each further one waits twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait that we choose ourselves.
const LAST: Duration = Duration::from_secs(8);
/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);
/// How much of a provider's complaint is read.
const COMPLAINT: usize = 64 << 10;
/// How much around the text an answer may have: escapes, counts, names of events.
const AROUND: usize = 256 << 10;

/// The pool.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    client: reqwest::Client,
}

/// A question, ready to leave.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Which model is asked, for the owner.
    pub(super) model: String,
    /// How long to wait for the answer, or for its next part.
    pub(super) timeout: Span,
    /// When an answer is of no more use.
    pub(super) deadline: Instant,
    /// The most bytes of text that are of use.
    pub(super) most: usize,
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All at once.
    Whole,
    /// As it comes.
    Stream,
}

/// An answer.
pub(super) enum Answer {
    /// All of it.
    Whole(Value),
    /// What comes of it.
    Events(Events),
}

/// The events of a stream, each a JSON document.
pub(super) type Events = BoxStream<'static, Result<Value, Fault>>;

impl Transfer {
    /// Opens the pool. Of the environment's proxies only those are used that cannot read along.
    pub(super) fn new(
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, reqwest::Error> {
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .find_map(|name| environment(name)?.parse::<Url>().ok());
        // Fails only if another provider was installed before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .proxy(proxied(proxy))
            // A redirect would carry key and prompt elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("coworker-host/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Sends a question and returns its answer, whole or as it comes. `note` hears of every try that failed and is followed
    /// by another. Once a stream has begun, nothing is tried again.
    pub(super) async fn send(
        &self,
        parcel: &Parcel,
        way: Way,
        note: &(dyn Fn(String) + Sync),
    ) -> Result<Answer, Fault> {
        let mut failures = 0;
        loop {
            let left = parcel.deadline.saturating_duration_since(Instant::now());
            let patience = parcel.timeout.0.min(left);
            let (fault, after) = match tokio::time::timeout(patience, self.once(parcel, way)).await
            {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => failed,
                Err(_) => (Fault::TimedOut(parcel.timeout), None),
            };
            failures += 1;
            if failures >= TRIES || !may_help(&fault) {
                return Err(fault);
            }
            let pause = after.unwrap_or_else(|| clock::pause(FIRST, LAST, failures - 1));
            // A provider may name any time: it is compared, never added to.
            if pause >= parcel.deadline.saturating_duration_since(Instant::now()) {
                return Err(fault);
            }
            note(format!("{fault}; trying again in {} ms", pause.as_millis()));
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(&self, parcel: &Parcel, way: Way) -> Result<Answer, (Fault, Option<Duration>)> {
        let response = self
            .client
            .post(parcel.url.clone())
            .headers(parcel.headers.clone())
            .header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )
            .body(parcel.body.clone())
            .send()
            .await
            .map_err(|error| (unsent(error), None))?;
        let status = response.status();
        if !status.is_success() {
            let after = retry_after(response.headers());
            // What cannot be read of a complaint changes nothing: its status says the most.
            let complaint = collect(response, COMPLAINT).await.unwrap_or_default();
            return Err((complained(status, &complaint, &parcel.model), after));
        }
        // Some servers answer at once whatever they were asked.
        if way == Way::Stream && !is_json(response.headers()) {
            return Ok(Answer::Events(events(response, parcel)));
        }
        let body = collect(response, most(parcel))
            .await
            .map_err(|fault| (fault, None))?;
        let value = serde_json::from_slice(&body);
        value
            .map(Answer::Whole)
            .map_err(|_| (Fault::Garbled("it is not JSON"), None))
    }
}

/// Returns the way through a proxy: for TLS alone, which it passes on sealed. Without TLS it would read key and prompt.
fn proxied(proxy: Option<Url>) -> reqwest::Proxy {
    let through = move |url: &Url| proxy.clone().filter(|_| url.scheme() == "https");
    reqwest::Proxy::custom(through).no_proxy(reqwest::NoProxy::from_env())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"))
}

/// Returns whether the same question may get an answer a little later, and nobody was paid for this one. Where a connection
/// failed, an answer may have been written, and its bill with it: another try would be another bill.
fn may_help(fault: &Fault) -> bool {
    match fault {
        Fault::Busy(_) => true,
        Fault::Failed { status, .. } => *status >= 500,
        _ => false,
    }
}

/// Returns what a failure is that came before any answer: only without a connection it is sure that nobody was asked.
fn unsent(error: reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Unreachable(told(error))
    } else {
        Fault::BrokeOff
    }
}

fn most(parcel: &Parcel) -> usize {
    // A character may stand as an escape of six.
    parcel.most.saturating_mul(6).saturating_add(AROUND)
}

async fn collect(response: reqwest::Response, most: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Fault::BrokeOff)?;
        if body.len() + part.len() > most {
            return Err(Fault::TooLarge(coworker_core::Bytes(most as u64)));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// An event on its way. It is kept until a blank line ends it, whether it is one line that goes on or one after another.
#[derive(Debug, Default)]
struct Begun {
    bytes: usize,
    /// Whether the line that comes holds nothing yet.
    is_blank: bool,
    /// Whether a line has ended with a return, which a feed may follow.
    has_returned: bool,
}

impl Begun {
    /// Takes more in, and returns how much there is of the event that has not ended.
    fn grow(&mut self, part: &[u8]) -> usize {
        for byte in part {
            self.bytes += 1;
            match byte {
                b'\n' if self.has_returned => {}
                b'\n' | b'\r' if self.is_blank => self.bytes = 0,
                byte => self.is_blank = matches!(byte, b'\n' | b'\r'),
            }
            self.has_returned = *byte == b'\r';
        }
        self.bytes
    }
}

fn events(response: reqwest::Response, parcel: &Parcel) -> Events {
    let (timeout, most) = (parcel.timeout, most(parcel));
    let mut event = Begun::default();
    let bounded = response.bytes_stream().map(move |part| {
        let part = part.map_err(|_| Fault::BrokeOff)?;
        if event.grow(&part) > most {
            return Err(Fault::TooLarge(coworker_core::Bytes(most as u64)));
        }
        Ok(part)
    });
    let events = bounded.eventsource();
    let read = stream::unfold(Some(events), move |events| async move {
        let mut events = events?;
        loop {
            let next = match tokio::time::timeout(timeout.0, events.next()).await {
                Ok(next) => next?,
                Err(_) => return Some((Err(Fault::TimedOut(timeout)), None)),
            };
            let event = match next {
                Ok(event) => event,
                Err(eventsource_stream::EventStreamError::Transport(fault)) => {
                    return Some((Err(fault), None));
                }
                Err(_) => return Some((Err(Fault::Garbled("it is no stream of events")), None)),
            };
            if event.data.trim().is_empty() {
                continue;
            }
            if event.data.trim() == "[DONE]" {
                return None;
            }
            return Some(match serde_json::from_str(&event.data) {
                Ok(value) => (Ok(value), Some(events)),
                Err(_) => (Err(Fault::Garbled("an event is not JSON")), None),
            });
        }
    });
    read.boxed()
}

/// Returns what a failure to send is, without the address: it may hold what is nobody's business.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = String::new();
    let mut next = Some(&error as &dyn std::error::Error);
    while let Some(error) = next {
        let part = error.to_string();
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
        next = error.source();
    }
    text
}

/// Returns what a status means. Of what the provider writes, only its own words for kinds of errors are used.
fn complained(status: StatusCode, body: &[u8], model: &str) -> Fault {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = value
        .get("error")
        .filter(|error| error.is_object())
        .unwrap_or(&value);
    let word = word(error);
    let message = error
        .get("message")
        .or_else(|| value.get("error"))
        .or_else(|| value.get("detail"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let says = |part: &str| {
        word.as_deref().is_some_and(|word| word.contains(part)) || message.contains(part)
    };
    let code = status.as_u16();
    let of_model = || {
        says("model_not_found")
            || says("invalid model")
            || says("model not exist")
            || (says("model") && (says("not found") || says("does not exist")))
    };
    match code {
        401 | 403 => Fault::WrongKey(code),
        402 => Fault::NoCredit(code),
        429 if says("insufficient_quota") => Fault::NoCredit(code),
        429 => Fault::Busy(code),
        404 => Fault::UnknownModel {
            model: model.to_owned(),
            status: code,
        },
        400..=499 if of_model() => Fault::UnknownModel {
            model: model.to_owned(),
            status: code,
        },
        400..=499
            if says("content_filter")
                || says("content_policy")
                || says("content management policy") =>
        {
            Fault::Refused
        }
        300..=499 => Fault::NotTaken { status: code, word },
        _ => Fault::Failed { status: code, word },
    }
}

/// Returns a provider's own word for a kind of error, if it is a word and no text.
pub(super) fn word(error: &Value) -> Option<String> {
    let is_word = |text: &&str| {
        (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            && *text != "None"
    };
    ["code", "type"].into_iter().find_map(|key| {
        error
            .get(key)
            .and_then(Value::as_str)
            .filter(is_word)
            .map(str::to_owned)
    })
}

/// Returns how long the provider asks to wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text("retry-after-ms").and_then(|text| text.parse::<u64>().ok());
    if let Some(millis) = millis {
        return Some(Duration::from_millis(millis));
    }
    let after = text("retry-after")?;
    if let Ok(seconds) = after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = time::OffsetDateTime::parse(after, &time::format_description::well_known::Rfc2822);
    let wait = at.ok()?.unix_timestamp_nanos() / 1_000 - i128::from(clock::now().0);
    Some(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
