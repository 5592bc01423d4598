//! The types of messages by name, and what the gate knows of each: the least tier, and whether it answers something.
//! Both are total: a new kind does not compile without them.

use std::fmt;

use crate::Tier;

macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// What a message is for. Everything that has no meaning here is `Other`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is the wire's own word, and `name` returns it")]
        pub enum Kind {
            $($kind,)*
            Other,
        }

        impl Kind {
            /// Every kind that has a word of its own.
            pub const NAMED: &[Self] = &[$(Self::$kind,)*];

            /// Returns the word on the wire; `Other` has none of its own.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                    Self::Other => "other",
                }
            }

            /// Returns the kind of a word on the wire, `Other` for one without a meaning here.
            pub fn of(name: &str) -> Self {
                match name {
                    $($name => Self::$kind,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    Ping "ping",
    Pong "pong",
    Discover "discover",
    Capabilities "capabilities",
    TrustRequest "trust_request",
    TrustGrant "trust_grant",
    TrustDeny "trust_deny",
    TaskRequest "task_request",
    TaskResponse "task_response",
    TaskError "task_error",
    Error "error",
    SkillCardQuery "skill_card_query",
    SkillCard "skill_card",
    AgentCardQuery "agent_card_query",
    PlanPropose "plan_propose",
    PlanAccept "plan_accept",
    PlanReject "plan_reject",
    SessionPropose "session_propose",
    SessionAccept "session_accept",
    ContextQuery "context_query",
    GroupCreate "group_create",
    GroupCreated "group_created",
    GroupInvite "group_invite",
    GroupJoined "group_joined",
    GroupMessage "group_message",
    GroupDiscover "group_discover",
    GroupCapabilities "group_capabilities",
    GroupTaskRequest "group_task_request",
    GroupTaskResponse "group_task_response",
    GroupTaskError "group_task_error",
}

impl Kind {
    /// Returns whether the kind answers a message: it counts only from the peer that was asked, while it is awaited.
    pub const fn is_reply(self) -> bool {
        match self {
            Self::Pong
            | Self::Capabilities
            | Self::TrustGrant
            | Self::TrustDeny
            | Self::TaskResponse
            | Self::TaskError
            | Self::Error
            | Self::SkillCard
            | Self::PlanAccept
            | Self::PlanReject
            | Self::SessionAccept
            | Self::GroupCreated
            | Self::GroupJoined
            | Self::GroupCapabilities
            | Self::GroupTaskResponse
            | Self::GroupTaskError => true,
            Self::Ping
            | Self::Discover
            | Self::TrustRequest
            | Self::TaskRequest
            | Self::SkillCardQuery
            | Self::AgentCardQuery
            | Self::PlanPropose
            | Self::SessionPropose
            | Self::ContextQuery
            | Self::GroupCreate
            | Self::GroupInvite
            | Self::GroupMessage
            | Self::GroupDiscover
            | Self::GroupTaskRequest
            | Self::Other => false,
        }
    }

    /// Returns the least tier whose messages of this kind are looked at. Where skills are concerned it is 0 and the
    /// catalog decides, so that the gate's answer tells nobody whether a skill exists.
    pub const fn min_tier(self) -> Tier {
        match self {
            Self::Ping
            | Self::Discover
            | Self::TrustRequest
            | Self::TaskRequest
            | Self::SkillCardQuery
            | Self::AgentCardQuery
            | Self::Pong
            | Self::Capabilities
            | Self::TrustGrant
            | Self::TrustDeny
            | Self::TaskResponse
            | Self::TaskError
            | Self::Error
            | Self::SkillCard
            | Self::PlanAccept
            | Self::PlanReject
            | Self::SessionAccept
            | Self::GroupCreated
            | Self::GroupJoined
            | Self::GroupCapabilities
            | Self::GroupTaskResponse
            | Self::GroupTaskError => Tier::Untrusted,
            Self::PlanPropose
            | Self::SessionPropose
            | Self::GroupCreate
            | Self::GroupInvite
            | Self::GroupMessage
            | Self::GroupDiscover
            | Self::GroupTaskRequest => Tier::Known,
            Self::ContextQuery => Tier::Internal,
            Self::Other => Tier::Privileged,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back() {
        for kind in Kind::NAMED {
            assert_eq!(Kind::of(kind.name()), *kind);
        }
        assert_eq!(Kind::of("okr_propose"), Kind::Other);
        assert_eq!(Kind::of("other"), Kind::Other);
        assert_eq!(Kind::of("PING"), Kind::Other);
    }

    #[test]
    fn exactly_the_response_types_are_replies() {
        let mut replies: Vec<_> = Kind::NAMED
            .iter()
            .filter(|kind| kind.is_reply())
            .map(|kind| kind.name())
            .collect();
        replies.sort_unstable();
        let mut expected: Vec<_> = "pong capabilities trust_grant trust_deny task_response task_error plan_accept \
            plan_reject session_accept error skill_card group_created group_joined group_capabilities \
            group_task_response group_task_error"
            .split_ascii_whitespace()
            .collect();
        expected.sort_unstable();
        assert_eq!(replies, expected);
    }
}
