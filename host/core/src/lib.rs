//! The vocabulary and every decision of coworker-host. Pure: no I/O, no clock, no randomness; time, tiers and random
//! bytes come in as arguments, so that everything here can be tested as data.

pub mod approval;
pub mod budget;
mod canonical;
mod catalog;
mod conclude;
mod envelope;
mod gate;
mod grant;
pub mod guard;
mod invite;
mod job;
mod json;
mod judge;
mod kind;
mod limits;
mod message;
mod peer;
mod private;
mod ratchet;
mod refusal;
mod schema;
mod scrub;
mod skill;
mod tier;
mod unit;
mod wire;

pub use canonical::{canonical, card_hash, connect_cache_hash, schema_hash};
pub use catalog::{Body, Catalog, Entry, Lease, Shelf, Sight};
pub use conclude::conclude;
pub use envelope::{CARD_HASH, CorrelationId, Envelope, FEATURES};
pub use gate::{Admission, Why, admit};
pub use grant::{FsGrant, Grants, HttpGrant, StateGrant};
pub use invite::{InviteCode, InviteError, InviteSecret, Offer};
pub use job::{CallerKey, Job, TaskId};
pub use json::{MAX_DEPTH, ReadError, depth, read_lenient};
pub use judge::{MAX_CAPABILITIES, Prior, Verdict, View, judge};
pub use kind::Kind;
pub use limits::{LimitField, Limits};
pub use message::{BadPayload, Message, NAME_SHOWN, RemoteCard, TaskFailure, TaskRequest};
pub use peer::{PeerId, PeerIdError, Scheme};
pub use private::{GuardMode, GuardRule, ModelWish, PrivateTexts, SKILL_SLOT, Secret, Slot};
pub use ratchet::Ratchet;
pub use refusal::Refusal;
pub use schema::{
    MAX_SCHEMA, MAX_SCHEMA_DEPTH, Schema, SchemaError, TooComplex, Violation,
    schema_from_type_words, type_words,
};
pub use scrub::{MAX_TEXT, is_unfit, scrub};
pub use skill::{Digest, DigestError, Manifest, SkillName, SkillNameError};
pub use tier::{Tier, TierError};
pub use unit::{Bytes, Span, Timestamp, UnitError};
pub use wire::{MAX_ANSWER, MAX_ENVELOPE, Sender, Undecodable, decode, encode, fingerprint};
