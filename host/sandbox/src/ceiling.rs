//! The most that a component could ever do, read from its imports. What is not imported cannot be called, so the list
//! needs no trust in the author; what is imported still does nothing without the owner's grant.

use serde::{Deserialize, Serialize};

/// The most that a component could ever do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ceiling {
    /// Ask models, with the grant `llm`.
    pub llm: bool,
    /// Remember between calls, with the grant `state`.
    pub state: bool,
    /// Ask places on the network over HTTP, with a grant for each.
    pub http: bool,
    /// Open folders, with a grant for each.
    pub fs: bool,
    /// Read constants of its environment, with the grant `env`.
    pub env: bool,
    /// Read clocks and sleep.
    pub clock: bool,
    /// Draw random bytes.
    pub random: bool,
    /// Write to standard output and error: its log.
    pub stdio: bool,
    /// Ask for sockets and be refused.
    pub sockets: bool,
    /// The same in plain sentences, for people.
    pub sentences: Vec<String>,
}

impl Ceiling {
    /// Returns which grants a component of this ceiling cannot be called without.
    ///
    /// Files, environment and sockets are not among them: every Python and JavaScript component imports them, and
    /// without a grant they are simply empty.
    pub fn missing(&self, grants: &coworker_core::Grants) -> Vec<&'static str> {
        let wants = [
            ("llm", self.llm && !grants.llm),
            (
                "state",
                self.state && grants.state == coworker_core::StateGrant::None,
            ),
            ("http", self.http && grants.http.is_empty()),
        ];
        wants
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect()
    }
}

/// What every skill exports.
pub(crate) const GUEST: &str = "coworker:skill/guest@0.1.0";

/// Returns what an author can do about an import that this host does not offer.
pub(crate) fn import_hint(name: &str) -> String {
    let advice = if name.starts_with("coworker:skill/") {
        "it was built for another version of the skill world: build it against the wit/ folder of this host"
    } else if name.starts_with("wasi:sockets") || name.starts_with("wasi:http") {
        "only outgoing HTTP of WASI 0.2 is offered, with a grant: use `wasi:http/outgoing-handler`"
    } else if name.starts_with("wasi:") {
        "WASI 0.2 is offered, other versions are not: build it for wasm32-wasip2"
    } else if name.starts_with("wasi_snapshot_preview1") {
        "it is a preview 1 module: build it for wasm32-wasip2"
    } else if name.starts_with("__wbindgen") || name.contains("wasm-bindgen") {
        "a dependency expects a browser: switch off its `js` or `wasmbind` feature"
    } else {
        "a skill may import log, progress, llm, state and WASI 0.2; leave the rest out"
    };
    advice.to_owned()
}

/// Returns what an author can do about a component that is no skill.
pub(crate) fn export_hint(expected: &str, exports: &[String]) -> String {
    if exports
        .iter()
        .any(|name| name.starts_with("coworker:skill/guest@"))
    {
        format!("it was built for another version of the skill world: this host serves {expected}")
    } else if exports.iter().any(|name| name.starts_with("wasi:cli/run@")) {
        format!("it is a command-line program: a skill exports {expected} instead of `main`")
    } else if exports.iter().any(|name| name.starts_with("wasi:http/")) {
        format!("it is an HTTP service: a skill exports {expected}")
    } else {
        format!("export {expected}, as `coworker-host skills new NAME` shows")
    }
}
