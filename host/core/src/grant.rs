//! What a skill may touch. A file beside a skill asks in these words; only the owner's recorded approval grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything beyond computing, logging and reporting progress. The default grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// May ask models by slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub llm: bool,
    /// May remember between calls.
    #[serde(default, skip_serializing_if = "StateGrant::is_none")]
    pub state: StateGrant,
    /// Literal environment variables; never secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Folders of this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fs: Vec<FsGrant>,
    /// Places on the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
}

/// Whether a skill remembers, and for whom. In a file: `state = true`, `false` or `"shared"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StateWord", into = "StateWord")]
pub enum StateGrant {
    /// Remembers nothing.
    #[default]
    None,
    /// Remembers per caller.
    PerCaller,
    /// Remembers across callers: a channel between them.
    Shared,
}

/// A folder that a skill may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FsGrant {
    /// The folder on this machine, absolute.
    pub host: String,
    /// Where the guest sees it, absolute.
    pub guest: String,
    /// Whether the guest may write.
    #[serde(default)]
    pub write: bool,
}

/// A place that a skill may ask over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// Exact scheme, host and port, and a path prefix that ends at a segment: `https://api.example.com/v1/`.
    pub url: String,
    /// Methods, upper case. Absent means GET alone.
    #[serde(default = "get_only")]
    pub methods: Vec<String>,
    /// Headers that the host adds; `${env:KEY}` is filled in by the host and never shown to the guest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

fn get_only() -> Vec<String> {
    vec!["GET".to_owned()]
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StateWord {
    Flag(bool),
    Word(String),
}

impl TryFrom<StateWord> for StateGrant {
    type Error = &'static str;

    fn try_from(word: StateWord) -> Result<Self, Self::Error> {
        match word {
            StateWord::Flag(false) => Ok(Self::None),
            StateWord::Flag(true) => Ok(Self::PerCaller),
            StateWord::Word(word) if word == "shared" => Ok(Self::Shared),
            StateWord::Word(_) => Err("`state` is true, false or \"shared\""),
        }
    }
}

impl From<StateGrant> for StateWord {
    fn from(grant: StateGrant) -> Self {
        match grant {
            StateGrant::None => Self::Flag(false),
            StateGrant::PerCaller => Self::Flag(true),
            StateGrant::Shared => Self::Word("shared".to_owned()),
        }
    }
}

impl StateGrant {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Grants {
    /// Returns whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a run may have changed something outside its own answer, so that it must not run twice:
    /// writing files, asking the network, or state that other callers read.
    pub fn acts(&self) -> bool {
        self.fs.iter().any(|grant| grant.write)
            || !self.http.is_empty()
            || self.state == StateGrant::Shared
    }

    /// Returns whether an update of the component must wait for the owner even if nothing else changed: what was
    /// trusted with files, network, constants or shared state was that code, not its successor.
    pub fn binds_to_code(&self) -> bool {
        !self.fs.is_empty()
            || !self.http.is_empty()
            || !self.env.is_empty()
            || self.state == StateGrant::Shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fs(write: bool) -> FsGrant {
        FsGrant {
            host: "/srv/data".to_owned(),
            guest: "/data".to_owned(),
            write,
        }
    }

    fn http() -> HttpGrant {
        HttpGrant {
            url: "https://api.example.com/v1/".to_owned(),
            methods: get_only(),
            headers: BTreeMap::new(),
        }
    }

    #[test]
    fn a_grant_acts_if_a_second_run_could_be_noticed() {
        let none = Grants::default;
        let env = BTreeMap::from([("KEY".to_owned(), "value".to_owned())]);
        let reads = Grants {
            llm: true,
            state: StateGrant::PerCaller,
            env,
            fs: vec![fs(false), fs(false)],
            http: Vec::new(),
        };
        for (what, grants, acts) in [
            ("nothing", none(), false),
            (
                "all that only reads, or is the caller's own",
                reads.clone(),
                false,
            ),
            (
                "a folder to read",
                Grants {
                    fs: vec![fs(false)],
                    ..none()
                },
                false,
            ),
            (
                "a folder to write",
                Grants {
                    fs: vec![fs(true)],
                    ..none()
                },
                true,
            ),
            (
                "one of two folders to write",
                Grants {
                    fs: vec![fs(false), fs(true)],
                    ..none()
                },
                true,
            ),
            // A place may count what it is asked, whatever the method.
            (
                "the network",
                Grants {
                    http: vec![http()],
                    ..none()
                },
                true,
            ),
            (
                "state of its own",
                Grants {
                    state: StateGrant::PerCaller,
                    ..none()
                },
                false,
            ),
            (
                "state that others read",
                Grants {
                    state: StateGrant::Shared,
                    ..none()
                },
                true,
            ),
            (
                "all of that",
                Grants {
                    http: vec![http()],
                    ..reads
                },
                true,
            ),
        ] {
            assert_eq!(grants.acts(), acts, "{what}");
            assert!(!grants.is_empty() || what == "nothing");
        }
    }
}
