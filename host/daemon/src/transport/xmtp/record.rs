//! What the host remembers of a network besides messages: its inbox there, and the one installation that may speak for it.
//! Plain files, so that the owner can see them; ours alone, like everything in a home.

use std::path::{Path, PathBuf};

use coworker_core::PeerId;

use super::consent::{Known, is_id};
use crate::home::{Home, HomeError};

/// Where it is written that another installation answers.
const TWIN: &str = "twin";

/// The folder of one network.
#[derive(Clone, Debug)]
pub struct Record {
    home: Home,
    folder: PathBuf,
}

impl Record {
    /// Opens the folder of a network in a home, making it if it is missing.
    pub fn open(home: &Home, env: &str) -> Result<Self, HomeError> {
        let folder = home.xmtp().join(env);
        home.make_folder(&home.xmtp())?;
        home.make_folder(&folder)?;
        Ok(Self {
            home: home.clone(),
            folder,
        })
    }

    /// Returns whether a home has an inbox on a network. Looks, and makes nothing.
    pub fn exists(home: &Home, env: &str) -> bool {
        home.xmtp().join(env).join("inbox").is_file()
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the client's database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("client.db3")
    }

    /// Returns under which id peers know us, once the network has said it.
    pub fn me(&self) -> Option<PeerId> {
        format!("xmtp:{}", self.read("inbox")?).parse().ok()
    }

    pub(super) fn known(&self) -> Known {
        Known {
            inbox: self.read("inbox"),
            installation: self.read("installation"),
        }
    }

    pub(super) fn set_inbox(&self, inbox: &str) -> Result<(), HomeError> {
        self.write("inbox", inbox)
    }

    pub(super) fn set_installation(&self, installation: &str) -> Result<(), HomeError> {
        self.write("installation", installation)
    }

    /// Returns the other installation that answered as this host, if the owner has not chosen since.
    pub(super) fn twin(&self) -> Option<String> {
        self.read(TWIN)
    }

    /// Writes down that another installation answers as this host, or that none does any more.
    pub(super) fn set_twin(&self, installation: Option<&str>) -> Result<(), HomeError> {
        if let Some(installation) = installation {
            return self.write(TWIN, installation);
        }
        let path = self.folder.join(TWIN);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(HomeError::Io {
                doing: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Forgets that another installation answered as this host, by the owner's word and without a running host. Returns
    /// whether one had.
    pub fn resume(&self) -> Result<bool, HomeError> {
        let was_there = self.twin().is_some();
        self.set_twin(None)?;
        Ok(was_there)
    }

    /// Sets the client's database and the record of its installation aside, so that the next start registers anew.
    /// Returns where they are, or nothing if there was nothing.
    pub fn reset(&self, stamp: &str) -> Result<Option<PathBuf>, HomeError> {
        let aside = self.folder.join(format!("before-{stamp}"));
        let mut moved = None;
        let failed = |path: &Path, source| HomeError::Io {
            doing: "set aside",
            path: path.to_owned(),
            source,
        };
        let entries =
            std::fs::read_dir(&self.folder).map_err(|error| failed(&self.folder, error))?;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name != "installation" && !name.starts_with("client.db3") {
                continue;
            }
            self.home.make_folder(&aside)?;
            std::fs::rename(&path, aside.join(&*name)).map_err(|error| failed(&path, error))?;
            moved = Some(aside.clone());
        }
        Ok(moved)
    }

    /// Returns an id that was written down. What is no id was not written by us, and counts as nothing.
    fn read(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.join(name)).ok()?;
        Some(text.trim().to_owned()).filter(|text| is_id(text))
    }

    fn write(&self, name: &str, id: &str) -> Result<(), HomeError> {
        self.home
            .write_private(&self.folder.join(name), format!("{id}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_sets_aside_what_a_client_kept_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::create(&folder.path().join("home")).expect("a home");
        let record = Record::open(&home, "local").expect("a record");
        assert_eq!(record.reset("a").expect("nothing to do"), None);
        let (inbox, app) = ("1".repeat(64), "2".repeat(64));
        record.set_inbox(&inbox).expect("written");
        record.set_installation(&app).expect("written");
        for file in ["client.db3", "client.db3-wal"] {
            std::fs::write(record.folder().join(file), "x").expect("ours");
        }
        assert_eq!(record.known().installation, Some(app));
        let aside = record.reset("b").expect("moved").expect("something");
        let known = record.known();
        assert_eq!((known.inbox, known.installation), (Some(inbox), None));
        assert!(aside.join("client.db3").exists() && aside.join("client.db3-wal").exists());
        assert!(!record.database().exists() && record.me().is_some());
    }
}
