//! What runs the sidecar: a Node.js new enough, the sidecar's one file, and the packages that its lockfile names. The host
//! carries the file and the lockfile in itself; `bridge setup` puts the packages beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::status::Trouble;
use crate::home::Home;

/// The sidecar itself.
pub const INDEX: &str = include_str!("../../../../sidecar/xmtp/index.mjs");
/// What it needs.
pub const PACKAGE: &str = include_str!("../../../../sidecar/xmtp/package.json");
/// Exactly which versions of it.
pub const LOCK: &str = include_str!("../../../../sidecar/xmtp/package-lock.json");

/// The oldest Node.js that runs the client.
pub const RUNS: u32 = 20;
/// The oldest Node.js that the client's makers support.
pub const SUPPORTED: u32 = 22;

/// How long a Node.js may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);
/// What to do without a Node.js.
pub(super) const GET_NODE: &str = "install Node.js 22 or newer (https://nodejs.org, or `npm install node@22` somewhere), or set `[xmtp] node_program`";

/// A Node.js that was asked for its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProgram {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, as it says it.
    pub version: String,
    /// The first number of it.
    pub major: u32,
}

/// Where a sidecar and its packages lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarFolder {
    /// The folder.
    pub path: PathBuf,
    /// Whether the host keeps the files in it; else somebody else does.
    pub ours: bool,
}

impl SidecarFolder {
    /// Returns the folder that the owner named, or the home's own.
    pub fn locate(home: &Home, named: Option<&Path>) -> Self {
        match named {
            Some(path) => Self {
                path: path.to_owned(),
                ours: false,
            },
            None => Self {
                path: home.xmtp().join("sidecar"),
                ours: true,
            },
        }
    }

    /// Returns the sidecar's file.
    pub fn index(&self) -> PathBuf {
        self.path.join("index.mjs")
    }

    /// Returns the Node.js that would run what is installed here, or what is missing.
    ///
    /// # Errors
    /// If the client or a Node.js is missing.
    pub async fn ready(&self, home: &Home, named: Option<&Path>) -> Result<NodeProgram, Trouble> {
        self.prepare(home)?;
        NodeProgram::find(named, &self.path).await
    }

    /// Makes sure that what this program carries is what lies there, and that the packages fit it.
    pub(super) fn prepare(&self, home: &Home) -> Result<(), Trouble> {
        let sdk = self.path.join("node_modules/@xmtp/node-sdk/package.json");
        if !sdk.is_file() {
            return Err(Trouble::missing(
                "the XMTP client is not installed",
                "run `coworker-host bridge setup`",
            ));
        }
        if !self.ours {
            return Ok(());
        }
        if !holds(&self.path.join("package-lock.json"), LOCK) {
            return Err(Trouble::missing(
                "the installed XMTP client is not the one that this version needs",
                "run `coworker-host bridge setup`",
            ));
        }
        self.refresh(home)
            .map_err(|error| Trouble::passing(error.to_string()))
    }

    /// Writes the sidecar's file if it is not there as this program carries it.
    fn refresh(&self, home: &Home) -> Result<(), crate::home::HomeError> {
        if holds(&self.index(), INDEX) {
            return Ok(());
        }
        home.write_private(&self.index(), INDEX.as_bytes())
    }
}

fn holds(path: &Path, text: &str) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())
}

impl NodeProgram {
    /// Finds a Node.js that runs the client: the one that was named, else the first one that is supported, else the newest
    /// that runs.
    pub async fn find(named: Option<&Path>, beside: &Path) -> Result<Self, Trouble> {
        if let Some(path) = named {
            return Self::ask(path).await.and_then(Self::new_enough);
        }
        let mut found: Option<Self> = None;
        for path in candidates(beside) {
            let Ok(program) = Self::ask(&path).await else {
                continue;
            };
            if program.major >= SUPPORTED {
                return Ok(program);
            }
            if found
                .as_ref()
                .is_none_or(|found| found.major < program.major)
            {
                found = Some(program);
            }
        }
        found.map_or_else(
            || Err(Trouble::missing("there is no Node.js", GET_NODE)),
            Self::new_enough,
        )
    }

    fn new_enough(self) -> Result<Self, Trouble> {
        if self.major >= RUNS {
            return Ok(self);
        }
        Err(Trouble::missing(
            format!(
                "{} is Node.js {}, which is too old",
                self.path.display(),
                self.version
            ),
            GET_NODE,
        ))
    }

    /// Asks one program for its version.
    async fn ask(path: &Path) -> Result<Self, Trouble> {
        let failed = |why: String| {
            Trouble::missing(format!("{} is no Node.js: {why}", path.display()), GET_NODE)
        };
        let output = Command::new(path)
            .arg("--version")
            .env_clear()
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, output)
            .await
            .map_err(|_| failed("it does not say its version".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let major = version
            .strip_prefix('v')
            .and_then(|version| version.split('.').next())
            .and_then(|major| major.parse().ok());
        match major {
            Some(major) => Ok(Self {
                path: path.to_owned(),
                version,
                major,
            }),
            None => Err(failed("it does not say its version".to_owned())),
        }
    }
}

/// Returns where a Node.js may be: the one that `bridge setup` installed, then those on the path.
fn candidates(beside: &Path) -> Vec<PathBuf> {
    let installed = beside.join("node_modules/.bin/node");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(installed)
        .chain(std::env::split_paths(&path).map(|folder| folder.join("node")))
        .filter(|path| path.is_absolute() && path.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn fake(folder: &Path, name: &str, says: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).expect("ours");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("ours");
        path
    }

    #[tokio::test]
    async fn a_node_that_is_too_old_or_none_is_said_to_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let find = async |says: &str| {
            let path = fake(folder.path(), "node", says);
            NodeProgram::find(Some(&path), folder.path()).await
        };
        assert_eq!(find("v22.1.0").await.map(|node| node.major), Ok(22));
        assert_eq!(find("v20.20.2").await.map(|node| node.major), Ok(20));
        for (says, why) in [
            ("v18.0.0", "too old"),
            ("hello", "no Node.js"),
            ("", "no Node.js"),
        ] {
            let trouble = find(says).await.expect_err(says);
            assert!(trouble.why.contains(why), "{}", trouble.why);
            assert!(trouble.hint.is_some_and(|hint| hint.contains("nodejs.org")));
        }
        let absent = folder.path().join("absent");
        assert!(
            NodeProgram::find(Some(&absent), folder.path())
                .await
                .is_err()
        );
    }

    #[test]
    fn the_lockfile_pins_the_official_client() {
        let lock: serde_json::Value = serde_json::from_str(LOCK).expect("JSON");
        let version =
            |name: &str| lock["packages"][format!("node_modules/@xmtp/{name}")]["version"].clone();
        assert_eq!(
            (version("node-sdk"), version("node-bindings")),
            ("5.5.0".into(), "1.9.1".into())
        );
    }
}
