//! What a command asks of a running host, and what comes back: one JSON line each way, with lines of progress between.
//!
//! In answers, keys that end in `_at` are microseconds since 1970 (UTC), `_ms` milliseconds, `_bytes` bytes; tiers are
//! their names; what is not known is `null`. Strings from peers and skills are passed on raw: whoever prints them makes
//! them printable.

use coworker_core::{Span, TaskId, Tier};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::report::Failure;

/// One request of the owner at this machine. `peer` is an id, an owner-given name, or an invite; `name` of a skill is
/// the name as listed, or `FILE:NAME` where two files offer the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How the host is. Answer: `{"version", "pid", "home", "name", "peer", "transport", "invite", "ready_at",
    /// "skills": {state: count}, "tasks": {"queued", "running"}, "outbox": {"waiting"}, "peers", "trust_requests",
    /// "store": {"state": "ready", "full", "damaged", "read_only", "failing" or "closed", "why", "hint", "since_at"},
    /// "barred": skills lost by peers, "models": [{"name", "kind", "model", "key": words, "missing": why or null, "default", "priced"}]}`.
    Status {},
    /// Drain and leave. Answer, before it leaves: `{"stopping": true}`.
    Stop {},

    /// A row for every file and skill. Answer: `[{"name", "file", "state", "reason", "version", "tier", "digest",
    /// "warnings": [sentence]}]`, the last only where there are any; `state` is one word (`compiling`, `pending`, `hidden`, `exposed`, `broken`, …), `reason` a sentence or null.
    SkillsList {},
    /// Everything about one skill. Answer: a row of the list with `{"card", "imports": [text], "ceiling": [sentence],
    /// "asked": Grants, "asks": [words], "granted": Grants, "limits": Limits, "previous": digest or null, "review": text,
    /// "changes": null or [{"what", "from", "to"}], "body": "component" or "model", "texts": [{"slot", "bytes",
    /// "digest", "wish"}], "guard": {"mode", "public"}, "warnings": [sentence]}`. `review` names exactly what was shown. `changes` is there when
    /// `diff` is: what would change if that other file or skill took its place.
    SkillsInspect {
        /// Which skill.
        name: String,
        /// The file or skill to compare with.
        #[serde(default)]
        diff: Option<String>,
    },
    /// Approve a skill as it was shown, grants included, and let peers of its tier see it. Answer: its row.
    SkillsExpose {
        /// Which skill.
        name: String,
        /// From which tier on; absent means the one its manifest asks for, and at least `known`.
        #[serde(default)]
        tier: Option<Tier>,
        /// The `review` of the answer that the owner looked at. If the skill is no longer that, nothing is approved.
        #[serde(default)]
        review: Option<String>,
    },
    /// Hide a skill from every peer. Answer: its row.
    SkillsHide {
        /// Which skill.
        name: String,
    },
    /// Change what the owner may set for a skill. Answer: `{"name", "tier", "limits"}` as now in force.
    SkillsConfigure {
        /// Which skill.
        name: String,
        /// The least tier; never below that of the manifest.
        #[serde(default)]
        min_tier: Option<Tier>,
        /// Limits by the keys of `Limits`, values as people write them; others stay as they are.
        #[serde(default)]
        limits: Map<String, Value>,
    },
    /// What a peer of this tier sees. Answer: `{"tier", "skills": [card]}`, the cards exactly as a peer gets them.
    SkillsPreview {
        /// The tier.
        tier: Tier,
    },
    /// Serve the version approved before. Answer: `{"name", "from": digest, "to": digest, "version"}`.
    SkillsRollback {
        /// Which skill.
        name: String,
    },

    /// Serve skills from folders where they lie, from now on. Answer: `[{"place", "imported_at", "skills": [row]}]`.
    SkillsImport {
        /// The folders, each with a SKILL.md or a component.
        places: Vec<String>,
    },
    /// The folders that are served where they lie. Answer: as for `SkillsImport`.
    SkillsImported {},
    /// No longer serve a folder where it lies. Answer: its row as it was.
    SkillsForget {
        /// The folder, its name, or its skill's.
        name: String,
    },

    /// Every peer that is more than a stranger, or blocked. Answer: `[{"peer", "name", "claimed_name", "tier",
    /// "blocked", "lease": null or {"tier", "until_at", "calls_left", "skills": null or [name]}}]`.
    TrustList {},
    /// Set a peer's tier, for good or, with any of the three, as a lease. Answer: its row.
    TrustSet {
        /// Which peer.
        peer: String,
        /// The tier.
        tier: Tier,
        /// For how long.
        #[serde(default, rename = "for")]
        span: Option<Span>,
        /// For how many calls.
        #[serde(default)]
        calls: Option<u32>,
        /// For which skills only.
        #[serde(default)]
        skills: Option<Vec<String>>,
    },
    /// Make a peer a stranger, and keep it one. Answer: its row with `"cancelled": tasks stopped`.
    TrustRevoke {
        /// Which peer.
        peer: String,
    },
    /// What waits for the owner. Answer: `[{"id", "peer", "wallet", "name", "claimed_name", "tier", "reason",
    /// "received_at", "origin": "peer" or "import"}]`; `peer` is null where only the wallet is known.
    TrustRequests {},
    /// Grant a request. Answer: the peer's row.
    TrustGrant {
        /// Which request.
        id: String,
    },
    /// Turn a request down. Answer: `{"id", "peer"}`.
    TrustDeny {
        /// Which request.
        id: String,
    },

    /// Everybody known. Answer: the rows of `TrustList`, strangers too, with `"first_seen_at"`, `"last_seen_at"`.
    PeersList {},
    /// One peer. Answer: its row with `"skills": null or [card]` as last seen, `"tasks": count`, `"usage": {…}`.
    PeersShow {
        /// Which peer.
        peer: String,
    },
    /// Give a peer a name, or with none take it away. Answer: its row.
    PeersName {
        /// Which peer.
        peer: String,
        /// The name; unique among peers.
        #[serde(default)]
        name: Option<String>,
    },
    /// Forget a peer and everything it asked. A block stays. Answer: `{"forgotten": peer}`.
    PeersForget {
        /// Which peer.
        peer: String,
    },

    /// Make an invite. Answer: `{"code", "short_id", "id", "grants", "expires_at", "uses", "peer", "network"}`, all null
    /// but the codes and the network where it grants nothing. The code is told here and never again.
    Invite {
        /// The tier that it gives; absent gives nothing.
        #[serde(default)]
        grants: Option<Tier>,
        /// How long it holds.
        #[serde(default)]
        expires: Option<Span>,
        /// How many peers may use it; absent means one.
        #[serde(default)]
        uses: Option<u32>,
        /// The only peer that may use it.
        #[serde(default, rename = "for")]
        only: Option<String>,
    },
    /// The invites that give a tier. Answer: `[{"id", "grants", "state": "open", "used", "expired" or "revoked", "uses",
    /// "used", "peer", "network", "made_at", "expires_at"}]`, the newest first.
    InviteList {},
    /// Take an invite back. Answer: its row.
    InviteRevoke {
        /// Which invite.
        id: String,
    },

    /// Meet a peer: discover; where trust is wanted and missing, ask for it and discover again. Answer: `{"peer",
    /// "name", "claimed_name", "granted": tier or null, "reason", "unchanged", "skills": [card]}`; both null where
    /// nothing was asked for; `unchanged` where the peer showed what it showed before.
    Connect {
        /// An invite, a peer id or a name.
        target: String,
        /// The name to give it.
        #[serde(default)]
        name: Option<String>,
        /// The tier to ask for; absent asks for none.
        #[serde(default)]
        tier: Option<Tier>,
        /// What to tell its owner.
        #[serde(default)]
        reason: Option<String>,
        /// How long to wait for each answer.
        #[serde(default)]
        timeout: Option<Span>,
    },
    /// What a peer shows us. Answer: `{"peer", "name", "claimed_name", "skills": [card]}`.
    PeerInspect {
        /// Which peer.
        peer: String,
        /// One skill, with its schemas.
        #[serde(default)]
        skill: Option<String>,
        /// How long to wait.
        #[serde(default)]
        timeout: Option<Span>,
    },
    /// Call a skill and wait. Answer, also to a refusal: `{"success", "kind": "task_response" or "task_error", "reply":
    /// the peer's payload exactly, "peer", "task", "took_ms"}`. No answer in time is a failure with exit 4.
    Call {
        /// Which peer; `self` is this host.
        peer: String,
        /// Which skill, as the peer names it.
        skill: String,
        /// The input.
        input: Value,
        /// Only this version.
        #[serde(default)]
        version: Option<String>,
        /// How long to wait.
        #[serde(default)]
        timeout: Option<Span>,
        /// With `self`: as a throw-away peer of this tier; absent means the owner, who is privileged.
        #[serde(default)]
        as_tier: Option<Tier>,
    },

    /// Give work to a peer, which may be away for days. Answer, when it is on disk: a row of `Delegated`.
    Delegate {
        /// Which peer.
        peer: String,
        /// Which skill, as the peer names it.
        skill: String,
        /// The input.
        input: Value,
        /// Only this version.
        #[serde(default)]
        version: Option<String>,
        /// How long an answer counts; absent means 7 days, which is the most.
        #[serde(default)]
        ttl: Option<Span>,
    },
    /// What was given to peers. Answer: `[{"task", "peer", "name", "skill", "state": "queued", "sent", "done", "failed",
    /// "expired" or "cancelled", "asked_at", "deadline_at", "answered_at"}]`, the newest first.
    Delegated {
        /// The most rows; absent means 50.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// How far a task is. Answer: its row with `"success"`, and `"reply"`: the peer's payload exactly, or null.
    DelegatedResult {
        /// Which task: its id or the start of it.
        id: String,
        /// How long to wait for the answer, at most a minute; absent does not wait.
        #[serde(default)]
        wait: Option<Span>,
    },
    /// Stop waiting for a task. Answer: its row with `"cancelled"`: whether there was anything to wait for, and
    /// `"taken_back"`: whether the request had not left.
    DelegatedCancel {
        /// Which task: its id or the start of it.
        id: String,
    },

    /// What was used. Answer: `[{"key", "calls", "failed", "cpu_ms", "wall_ms", "input_bytes", "output_bytes",
    /// "host_calls", "model_calls", "tokens_in", "tokens_out", "cost": number or null}]`, the most calls first; `cost` is in the
    /// unit of the owner's prices.
    Usage {
        /// By what.
        by: UsageBy,
        /// How far back; absent means all that is kept.
        #[serde(default)]
        since: Option<Span>,
    },
    /// What happened. Answer without `task`: `[{"task", "received_at", "peer", "name", "skill", "state", "outcome",
    /// "took_ms"}]`, the newest first. With it: one such row with `{"tier", "decision", "digest", "version", "attempts",
    /// "used": {…}, "limits": {…}, "reply": payload or null, "log": [{"at", "level", "line"}]}`. `tier` is the one that it
    /// was decided with, and `limits` are those that it had, under the keys of `used`.
    Logs {
        /// One task.
        #[serde(default)]
        task: Option<TaskId>,
        /// The most rows; absent means 50.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// Names that peers asked for and do not see. Answer: `[{"peer", "name", "claimed_name", "skill", "tries",
    /// "last_at", "class"}]`; `class` is worked out now: `absent`, `hidden`, `pending`, `too low`, `unavailable`, `barred`.
    Probes {},
    /// What the guard held back of private texts. Answer: `{"barred": [{"peer", "name", "skill", "since_at"}], "rejected":
    /// [{"peer", "name", "skill", "task", "at", "stage": "model", "output", "failure" or "state", "what"}]}`, the latest
    /// first; `barred` are the skills that peers lost by it.
    GuardList {},
    /// Give a peer a skill back. Answer: `{"peer", "skill"}`.
    GuardLift {
        /// Which peer.
        peer: String,
        /// Which skill.
        skill: String,
    },
    /// Serve again although another program answered peers as this host. Answer: `{"resumed": whether nothing was served}`.
    BridgeResume {},
    /// What is wrong with this home. Answer: `[{"check", "ok", "detail", "hint"}]`.
    Doctor {},
}

impl Request {
    /// Returns whether this waits for a peer and changes nothing that has to be finished, so that it may be dropped
    /// when nobody listens any more.
    pub const fn only_waits(&self) -> bool {
        matches!(
            self,
            Self::Call { .. }
                | Self::Connect { .. }
                | Self::PeerInspect { .. }
                | Self::DelegatedResult { .. }
        )
    }
}

/// What usage is added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum UsageBy {
    /// One row a peer.
    Peer,
    /// One row a skill.
    Skill,
    /// One row a day.
    Day,
}

/// One line from the host to the command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// How far the work is; any number of these come first.
    Progress(Note),
    /// The end: it worked.
    Ok(Value),
    /// The end: it did not.
    Error(Failure),
}

/// How far a piece of work is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What is being done, or what the skill says of it.
    pub text: String,
    /// 0.0 to 1.0 where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<f32>,
}

/// Where a handler tells how far it is. Telling never waits: what nobody reads in time is dropped.
#[derive(Clone, Debug)]
pub struct Progress(Option<tokio::sync::mpsc::Sender<Note>>);

impl Default for Progress {
    fn default() -> Self {
        Self::silent()
    }
}

impl Progress {
    /// Returns a place where nobody listens.
    pub const fn silent() -> Self {
        Self(None)
    }

    /// Returns a place and its listener, who may fall `room` notes behind.
    pub fn channel(room: usize) -> (Self, tokio::sync::mpsc::Receiver<Note>) {
        let (sender, receiver) = tokio::sync::mpsc::channel(room);
        (Self(Some(sender)), receiver)
    }

    /// Tells what is being done.
    pub fn say(&self, text: impl Into<String>) {
        self.tell(Note {
            text: text.into(),
            done: None,
        });
    }

    /// Tells how far it is.
    pub fn tell(&self, note: Note) {
        if let Some(sender) = &self.0 {
            // A note that finds no room is worth nothing later.
            let _ = sender.try_send(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &Request, line: &str) {
        assert_eq!(serde_json::to_string(request).expect("plain data"), line);
        assert_eq!(
            &serde_json::from_str::<Request>(line).expect("same shape"),
            request
        );
    }

    #[test]
    fn requests_are_lines_with_a_do() {
        check(&Request::Status {}, r#"{"do":"status"}"#);
        check(
            &Request::SkillsPreview { tier: Tier::Known },
            r#"{"do":"skills_preview","tier":"known"}"#,
        );
        check(
            &Request::TrustSet {
                peer: "ann".into(),
                tier: Tier::Internal,
                span: Some(Span::secs(60)),
                calls: None,
                skills: None,
            },
            r#"{"do":"trust_set","peer":"ann","tier":"internal","for":"1m","calls":null,"skills":null}"#,
        );
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for bad in [
            r#"{"do":"status","more":1}"#,
            r#"{"do":"reboot"}"#,
            r#"{"do":"skills_hide"}"#,
            r#"{"do":"trust_set","peer":"a","tier":"root"}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn progress_never_waits() {
        let (progress, mut listener) = Progress::channel(1);
        progress.say("one");
        progress.say("two");
        drop(progress);
        assert_eq!(
            listener.recv().await.map(|note| note.text).as_deref(),
            Some("one")
        );
        assert_eq!(listener.recv().await, None);
        Progress::silent().say("nobody");
    }
}
