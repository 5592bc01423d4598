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
            .filter(|(_, missing)| *missing)
            .map(|(name, _)| name)
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

/// Returns whether a component may import this: interfaces of the skill world and of WASI 0.2.
pub(crate) fn is_offered(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    match interface.split_once(':') {
        Some(("coworker", of_skill)) => {
            version == "0.1.0"
                && matches!(
                    of_skill,
                    "skill/types" | "skill/log" | "skill/progress" | "skill/llm" | "skill/state"
                )
        }
        Some(("wasi", of_wasi)) => {
            let package = of_wasi.split('/').next().unwrap_or_default();
            let offered = match package {
                "http" => matches!(of_wasi, "http/types" | "http/outgoing-handler"),
                "cli" => !matches!(of_wasi, "cli/run"),
                _ => matches!(
                    package,
                    "io" | "clocks" | "random" | "filesystem" | "sockets"
                ),
            };
            offered && (version == "0.2" || version.starts_with("0.2."))
        }
        _ => false,
    }
}

impl Ceiling {
    /// Reads the ceiling from the names of imports.
    pub(crate) fn of(imports: &[String]) -> Self {
        let any = |start: &str| imports.iter().any(|name| name.starts_with(start));
        let mut ceiling = Self {
            llm: any("coworker:skill/llm@"),
            state: any("coworker:skill/state@"),
            // The types alone build a request; only the handler sends one.
            http: any("wasi:http/outgoing-handler@"),
            fs: any("wasi:filesystem/"),
            env: any("wasi:cli/environment@"),
            clock: any("wasi:clocks/"),
            random: any("wasi:random/"),
            stdio: any("wasi:cli/stdout@") || any("wasi:cli/stderr@"),
            sockets: any("wasi:sockets/"),
            sentences: Vec::new(),
        };
        ceiling.sentences = ceiling.describe();
        ceiling
    }

    fn describe(&self) -> Vec<String> {
        let all = [
            (true, "reads its input and gives an output"),
            (true, "writes to its log and reports progress"),
            (
                self.llm,
                "asks models through your slots; impossible without the grant `llm`",
            ),
            (
                self.state,
                "remembers between calls; impossible without the grant `state`",
            ),
            (
                self.http,
                "sends HTTP requests to the places you grant; impossible without a grant `http`",
            ),
            (
                self.fs,
                "opens files in the folders you grant; without a grant `fs` there are none",
            ),
            (
                self.env,
                "reads the constants you grant under `env`; without that there are none",
            ),
            (self.clock, "reads the time and sleeps"),
            (self.random, "draws random bytes"),
            (
                self.stdio,
                "writes to standard output, which goes to its log",
            ),
            (
                self.sockets,
                "asks for network sockets, which are always refused",
            ),
        ];
        all.into_iter()
            .filter(|(can, _)| *can)
            .map(|(_, sentence)| sentence.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_skill_world_and_wasi_are_offered() {
        for good in [
            "coworker:skill/types@0.1.0",
            "coworker:skill/llm@0.1.0",
            "wasi:io/poll@0.2.0",
            "wasi:clocks/monotonic-clock@0.2.9",
            "wasi:http/outgoing-handler@0.2.4",
            "wasi:cli/environment@0.2.3",
        ] {
            assert!(is_offered(good), "{good}");
        }
        for bad in [
            "coworker:skill/llm@0.2.0",
            "coworker:skill/guest@0.1.0",
            "coworker:skill/llm",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.20.0",
            "wasi:http/incoming-handler@0.2.0",
            "wasi:nn/graph@0.2.0",
            "wasi_snapshot_preview1",
            "evil:host/shell@1.0.0",
            "env",
            "",
        ] {
            assert!(!is_offered(bad), "{bad}");
            assert!(!import_hint(bad).is_empty());
        }
    }

    #[test]
    fn a_ceiling_is_what_the_imports_allow() {
        let none = Ceiling::of(&[]);
        assert_eq!(none.sentences.len(), 2);
        assert!(!none.llm && !none.http && !none.fs && !none.sockets);
        assert!(none.missing(&Default::default()).is_empty());

        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let types = Ceiling::of(&names(&["wasi:http/types@0.2.0"]));
        assert!(!types.http, "types alone send nothing");

        let all = Ceiling::of(&names(&[
            "coworker:skill/llm@0.1.0",
            "coworker:skill/state@0.1.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:filesystem/preopens@0.2.0",
        ]));
        assert_eq!(
            all.missing(&Default::default()),
            ["llm", "state", "http"],
            "an empty file system is no reason to refuse"
        );
        let granted = coworker_core::Grants {
            llm: true,
            ..Default::default()
        };
        assert_eq!(all.missing(&granted), ["state", "http"]);
        assert_eq!(all.sentences.len(), 6);
    }
}
