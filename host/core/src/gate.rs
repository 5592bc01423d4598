//! The gate: which kinds of messages are looked at, by the sender's tier alone. It reads no catalog and answers nobody.

use crate::{Kind, Tier};

/// What becomes of a message before anything about skills is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A request to judge.
    Serve,
    /// Answers something: it counts only if this peer was asked and is still awaited.
    Reply,
    /// Dropped without an answer.
    Drop(Why),
}

/// Why a message gets no answer. For the owner's records; a peer never sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    /// The sender's tier is below the kind's.
    #[error("its kind is not taken from this tier")]
    TierTooLow,
    /// The kind has no meaning here.
    #[error("its type is unknown")]
    UnknownKind,
    /// The kind is known and this host takes no part in it.
    #[error("this host takes no part in it")]
    NotTaken,
    /// It answers something, and answers are not judged.
    #[error("an answer that nobody judged")]
    Answer,
    /// The same request is queued or running; its answer will serve both.
    #[error("the same request is under way")]
    Underway,
}

/// Decides about a message of `kind` from a sender of `tier`.
pub fn admit(kind: Kind, tier: Tier) -> Admission {
    if kind.is_reply() {
        Admission::Reply
    } else if tier < kind.min_tier() {
        Admission::Drop(Why::TierTooLow)
    } else if kind == Kind::Other {
        Admission::Drop(Why::UnknownKind)
    } else {
        Admission::Serve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_this_table() {
        let mut table = String::new();
        for kind in Kind::NAMED.iter().chain([&Kind::Other]) {
            let row = Tier::ALL.map(|tier| match admit(*kind, tier) {
                Admission::Serve => "serve",
                Admission::Reply => "reply",
                Admission::Drop(Why::TierTooLow) => "low",
                Admission::Drop(_) => "drop",
            });
            table.push_str(&format!("{kind}: {}\n", row.join(" ")));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn more_tier_is_never_admitted_less() {
        for kind in Kind::NAMED {
            for (lower, higher) in Tier::ALL.iter().zip(&Tier::ALL[1..]) {
                if admit(*kind, *lower) == Admission::Serve {
                    assert_eq!(admit(*kind, *higher), Admission::Serve, "{kind}");
                }
            }
        }
    }
}
