//! Bytes into envelopes, leniently, and envelopes into bytes, strictly. One bad message is refused with a reason and
//! harms nothing but itself; what a sender claims about itself is kept apart and decides nothing.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json::{MAX_DEPTH, ReadError, read_lenient};
use crate::message::{BadPayload, Payload, cut, read_payload};
use crate::{Bytes, CorrelationId, Envelope, Message, Timestamp};

/// The largest envelope that is read of a peer that was asked nothing.
pub const MAX_ENVELOPE: Bytes = Bytes::mib(1);
/// The largest envelope that is read at all. Old peers send answers as large as their network takes, which is somewhat more
/// than a megabyte.
pub const MAX_ANSWER: Bytes = Bytes::mib(2);

/// The longest name and wallet that are kept, in characters, and the longest type, in bytes.
const CLAIM: usize = 128;
const TYPE: usize = 128;
/// Features a sender may name, and the longest name of one in bytes.
const ACCEPTS: usize = 32;
const FEATURE: usize = 64;
/// The longest `ttl` that means anything: 100 years.
const MAX_TTL: f64 = 3.2e9;

/// Why bytes are no message for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// More than [`MAX_ANSWER`].
    #[error("larger than {MAX_ANSWER}")]
    TooLarge,
    /// Not JSON.
    #[error("{0}")]
    NotJson(#[from] ReadError),
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// `protocol` is missing or names another one: the text is not for us.
    #[error("not a coworker message")]
    OtherProtocol,
    /// `type` is missing or not a text of 1 to 128 bytes.
    #[error("`type` is missing, or not a short text")]
    NoType,
    /// `payload` is there and not an object.
    #[error("`payload` is not an object")]
    PayloadNotAnObject,
    /// The payload fits no message of its type.
    #[error("{0}")]
    BadPayload(#[from] BadPayload),
}

/// Who an envelope says it is from: ourselves, truthfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The agent's name.
    pub name: &'a str,
    /// The wallet that old peers answer to.
    pub wallet: Option<&'a str>,
}

/// Reads one message.
pub fn decode(bytes: &[u8]) -> Result<Envelope, Undecodable> {
    if bytes.len() > MAX_ANSWER.len() {
        return Err(Undecodable::TooLarge);
    }
    let Value::Object(mut fields) = read_lenient(bytes, MAX_DEPTH)? else {
        return Err(Undecodable::NotAnObject);
    };
    if fields.get("protocol").and_then(Value::as_str) != Some("coworker") {
        return Err(Undecodable::OtherProtocol);
    }
    let payload = match fields.remove("payload") {
        Some(Value::Object(payload)) => payload,
        None => Map::new(),
        Some(_) => return Err(Undecodable::PayloadNotAnObject),
    };
    let kind = text(&fields, "type")
        .filter(|kind| (1..=TYPE).contains(&kind.len()))
        .ok_or(Undecodable::NoType)?;
    let message = read_payload(kind, payload)?;
    Ok(Envelope {
        correlation: text(&fields, "correlation_id").and_then(CorrelationId::new),
        timestamp: text(&fields, "timestamp").and_then(read_time),
        ttl: fields.get("ttl").and_then(read_ttl),
        claimed_name: claim(&fields, "sender_id"),
        claimed_wallet: claim(&fields, "sender_wallet"),
        accepts: accepts(&fields),
        message,
    })
}

/// Writes one message from `sender`: what the envelope itself claims about its sender is not repeated.
pub fn encode(env: &Envelope, sender: &Sender<'_>) -> String {
    let wire = Wire { env, sender };
    // An envelope is made of JSON values and text keys; writing it as text has no way to fail.
    serde_json::to_string(&wire).unwrap_or_default()
}

/// Returns the digest of a message's type and payload; of a call, its skill, version and input. Two messages with the
/// same correlation id and digest are one message sent twice.
pub fn fingerprint(message: &Message) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(message.type_name().as_bytes());
    hasher.update(b"\0");
    // Hashing is writing to a sink that takes everything; serialising cannot fail as in `encode`.
    let _ = match message {
        Message::TaskRequest(request) => serde_json::to_writer(
            &mut hasher,
            &(&request.skill, &request.version, &request.input),
        ),
        other => serde_json::to_writer(&mut hasher, &Payload(other)),
    };
    *hasher.finalize().as_bytes()
}

struct Wire<'a> {
    env: &'a Envelope,
    sender: &'a Sender<'a>,
}

#[derive(Serialize)]
struct Ext<'a> {
    accepts: &'a [String],
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { env, sender } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("protocol", "coworker")?;
        map.serialize_entry("version", "1.0")?;
        map.serialize_entry("type", env.message.type_name())?;
        map.serialize_entry("payload", &Payload(&env.message))?;
        // A timestamp without offset or a ttl that is no number makes an old peer lose everybody's messages.
        if let Some(time) = env.timestamp {
            map.serialize_entry("timestamp", &write_time(time))?;
        }
        if let Some(ttl) = env.ttl {
            if ttl.subsec_nanos() == 0 {
                map.serialize_entry("ttl", &ttl.as_secs())?;
            } else {
                map.serialize_entry("ttl", &ttl.as_secs_f64())?;
            }
        }
        if !sender.name.is_empty() {
            map.serialize_entry("sender_id", sender.name)?;
        }
        if let Some(correlation) = &env.correlation {
            map.serialize_entry("correlation_id", correlation.as_str())?;
        }
        if let Some(wallet) = sender.wallet {
            map.serialize_entry("sender_wallet", &wallet.to_ascii_lowercase())?;
        }
        if !env.accepts.is_empty() {
            map.serialize_entry(
                "ext",
                &Ext {
                    accepts: &env.accepts,
                },
            )?;
        }
        map.end()
    }
}

fn text<'f>(fields: &'f Map<String, Value>, key: &str) -> Option<&'f str> {
    fields.get(key)?.as_str()
}

fn claim(fields: &Map<String, Value>, key: &str) -> Option<String> {
    text(fields, key)
        .filter(|claim| !claim.is_empty())
        .map(|claim| cut(claim, CLAIM).to_owned())
}

fn accepts(fields: &Map<String, Value>) -> Vec<String> {
    let features = fields
        .get("ext")
        .and_then(|ext| ext.get("accepts"))
        .and_then(Value::as_array);
    features
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|feature| (1..=FEATURE).contains(&feature.len()))
        .take(ACCEPTS)
        .map(str::to_owned)
        .collect()
}

/// A time without offset could be any of 26 hours: it counts as absent.
fn read_time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let micros = time.unix_timestamp_nanos().div_euclid(1_000);
    i64::try_from(micros).ok().map(Timestamp)
}

/// Less than nothing is nothing: the message is of no use any more, as old peers see it.
fn read_ttl(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64()?.clamp(0.0, MAX_TTL);
    // Whole microseconds, as timestamps have them: what is written reads back the same.
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|ttl| Duration::new(ttl.as_secs(), (ttl.subsec_nanos() + 500) / 1_000 * 1_000))
}

/// Microseconds and a numeric offset: every version of Python reads this form.
fn write_time(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.microsecond(),
    )
}

#[cfg(test)]
mod tests;
