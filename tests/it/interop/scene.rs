//! A node, a host and a Python agent that can reach each other.

use serde_json::{Value, json};

use super::agent::Agent;
use crate::support::Place;
use crate::xmtp::network::{Member, Node};

/// All three. The agent goes first, then the host, then the node.
pub(super) struct Scene {
    pub(super) agent: Agent,
    pub(super) host: Member,
    /// The host's inbox: where the agent writes to.
    pub(super) to: String,
    /// The host's wallet: as whom the agent knows it.
    pub(super) wallet: String,
    pub(super) node: Node,
    pub(super) place: Place,
}

impl Scene {
    /// Brings up all three; the host shows these fixtures, and knows nobody.
    pub(super) fn open(skills: &[&str]) -> Self {
        let place = Place::new();
        let node = Node::start(&place);
        let (host, agent) = std::thread::scope(|scope| {
            let host = scope.spawn(|| Member::join("host", &node, skills));
            let agent = Agent::start(&place, "bob", &node.address);
            (host.join().expect("a host"), agent)
        });
        let to = host.me.strip_prefix("xmtp:").expect("an inbox").to_owned();
        let pong = agent.ping(&to);
        assert_eq!(pong.from, to, "the network says who sent it");
        let wallet = pong.envelope()["sender_wallet"]
            .as_str()
            .expect("a wallet")
            .to_owned();
        Self {
            agent,
            host,
            to,
            wallet,
            node,
            place,
        }
    }

    /// The same, where each side trusts the other that much.
    pub(super) fn trusting(skills: &[&str], tier: &str) -> Self {
        let scene = Self::open(skills);
        scene.trust(tier);
        let number = ["untrusted", "known", "internal", "privileged"]
            .iter()
            .position(|it| *it == tier);
        scene.agent_trusts(number.expect("a tier"));
        scene
    }

    /// The host's owner gives the agent a tier.
    pub(super) fn trust(&self, tier: &str) {
        self.host
            .owner(json!({ "do": "trust_set", "peer": self.agent.peer(), "tier": tier }));
    }

    /// The agent's owner gives the host a tier.
    pub(super) fn agent_trusts(&self, tier: usize) {
        self.agent
            .ask(json!({ "do": "trust", "peer": self.wallet, "tier": tier }));
    }

    /// Returns the tier that the host's owner gave the agent.
    pub(super) fn tier(&self) -> Value {
        self.host
            .owner(json!({ "do": "peers_show", "peer": self.agent.peer() }))["tier"]
            .clone()
    }

    /// The agent calls a skill of the host.
    #[track_caller]
    pub(super) fn call(&self, skill: &str, input: Value) -> Value {
        self.agent.call(&self.to, skill, input)
    }

    /// The agent's bridge asks the host something, without the agent's delays.
    #[track_caller]
    pub(super) fn ask(&self, kind: &str, payload: Value) -> Value {
        self.agent.question(&self.to, kind, payload).payload()
    }

    /// The host calls a skill of the agent. Returns all that its owner gets.
    #[track_caller]
    pub(super) fn calls(&self, skill: &str, input: Value) -> Value {
        self.host.owner(json!({
            "do": "call", "peer": self.agent.peer(), "skill": skill, "input": input, "timeout": "100s",
        }))
    }

    /// Returns how often the host ran a skill, however it ended.
    pub(super) fn runs(&self, skill: &str) -> u64 {
        let usage = self.host.owner(json!({ "do": "usage", "by": "skill" }));
        let rows = usage.as_array().expect("a list");
        let row = rows.iter().find(|row| row["key"] == skill);
        row.map_or(0, |row| row["calls"].as_u64().expect("a count"))
    }
}
