//! The vocabulary and every decision of coworker-host. Pure: no I/O, no clock, no randomness; time, tiers and random
//! bytes come in as arguments, so that everything here can be tested as data.

mod grant;
mod job;
mod limits;
mod peer;
mod skill;
mod tier;
mod unit;

pub use grant::{FsGrant, Grants, HttpGrant, StateGrant};
pub use job::{CallerKey, Job, TaskId};
pub use limits::Limits;
pub use peer::{PeerId, PeerIdError, Scheme};
pub use skill::{Digest, DigestError, Manifest, SkillName, SkillNameError};
pub use tier::{Tier, TierError};
pub use unit::{Bytes, Span, Timestamp, UnitError};
