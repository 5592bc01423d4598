//! Private copies of components and of private texts. What is examined, approved and run are these bytes, never the file in the skills
//! folder, which anybody with the owner's rights may change at any moment.

use std::collections::{BTreeMap, HashSet};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use coworker_core::{Digest, Limits, ModelWish, PrivateTexts, Secret, Slot};
use serde::{Deserialize, Serialize};

use crate::home::Home;

const COMPONENT: &str = "component.wasm";
const TEXTS: &str = "texts.json";
const STAGING: &str = ".staging";
/// The most that texts take on disk: a mebibyte and more of them, escaped.
const TEXTS_MOST: u64 = 16 << 20;

/// A private text on disk; the file is the owner's alone. Only here is one written out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    text: String,
    wish: ModelWish,
}

/// Where copies are kept.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    home: Home,
    staging: PathBuf,
}

impl Vault {
    /// Opens the vault of a home.
    pub(crate) fn open(home: Home) -> Result<Self> {
        let staging = home.approved().join(STAGING);
        make(&home.approved())?;
        make(&staging)?;
        Ok(Self { home, staging })
    }

    /// Returns whether there is a copy.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.approved(digest).is_file() || self.staged(digest).is_file()
    }

    /// Returns where a copy is.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let staged = self.staged(digest);
        if staged.is_file() {
            staged
        } else {
            self.approved(digest)
        }
    }

    /// Returns whether the copy holds the bytes that it is named after. One that a full disk or a power cut left
    /// behind does not: it is removed, and the file is read again.
    pub(crate) fn is_whole(&self, digest: &Digest) -> bool {
        let path = self.path(digest);
        let is_whole = self.read_from(&path, digest).is_ok();
        if !is_whole && path == self.staged(digest) {
            let _ = std::fs::remove_file(path);
        }
        is_whole
    }

    /// Keeps a copy for as long as a file holds these bytes.
    pub(crate) fn stage(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        if self.has(digest) {
            return Ok(());
        }
        let to = self.staged(digest);
        let partial = to.with_extension("part");
        let _ = std::fs::remove_file(&partial);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        std::io::Write::write_all(&mut file, bytes)?;
        std::fs::rename(&partial, &to)
    }

    /// Keeps a copy for good, with the text beside it, on disk before this returns.
    pub(crate) fn keep(&self, digest: &Digest, text: Option<(&str, &str)>) -> Result<()> {
        let folder = self.folder(digest);
        if self.read_from(&self.approved(digest), digest).is_err() {
            let bytes = self.read_from(&self.staged(digest), digest)?;
            make(&folder)?;
            std::fs::File::open(self.home.approved())?.sync_all()?;
            self.write(&self.approved(digest), &bytes)?;
        }
        match text {
            Some((name, text)) => self.write(&folder.join(name), text.as_bytes()),
            None => Ok(()),
        }
    }

    /// Keeps private texts for good, on disk before this returns.
    pub(crate) fn keep_texts(&self, texts: &PrivateTexts) -> Result<()> {
        if self.read_texts(&texts.digest()).is_ok() {
            return Ok(());
        }
        let kept: BTreeMap<&str, Kept> = texts
            .slots()
            .map(|(name, slot)| {
                let text = slot.text.reveal().to_owned();
                let wish = slot.wish.clone();
                (name, Kept { text, wish })
            })
            .collect();
        let bytes = serde_json::to_vec(&kept).map_err(Error::other)?;
        let folder = self.folder(&texts.digest());
        make(&folder)?;
        std::fs::File::open(self.home.approved())?.sync_all()?;
        self.write(&folder.join(TEXTS), &bytes)
    }

    /// Returns approved private texts, if they are still those that were approved.
    pub(crate) fn read_texts(&self, digest: &Digest) -> Result<PrivateTexts> {
        let mut bytes = Vec::new();
        std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(self.folder(digest).join(TEXTS))?
            .take(TEXTS_MOST)
            .read_to_end(&mut bytes)?;
        let kept: BTreeMap<String, Kept> = serde_json::from_slice(&bytes).map_err(Error::other)?;
        let slots = kept.into_iter().map(|(name, kept)| {
            let (text, wish) = (Secret::new(kept.text), kept.wish);
            (name, Slot { text, wish })
        });
        let texts = PrivateTexts::new(slots.collect());
        if texts.digest() == *digest {
            Ok(texts)
        } else {
            Err(changed())
        }
    }

    /// Returns the bytes of an approved component, if they are still those that were approved.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.read_from(&self.approved(digest), digest)
    }

    /// Removes copies that nothing needs: those that are neither in `approved` nor in `staged`. A copy that was approved
    /// once is also the one that a file's bytes are examined from, until something else holds them.
    pub(crate) fn sweep(&self, approved: &HashSet<Digest>, staged: &HashSet<Digest>) {
        for (name, path) in entries(&self.home.approved()) {
            if name.parse().is_ok_and(|digest: Digest| {
                !approved.contains(&digest) && !staged.contains(&digest)
            }) {
                let _ = std::fs::remove_dir_all(path);
            }
        }
        for (name, path) in entries(&self.staging) {
            let stem = name.strip_suffix(".wasm").unwrap_or(&name);
            if stem
                .parse()
                .map_or(true, |digest: Digest| !staged.contains(&digest))
            {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn folder(&self, digest: &Digest) -> PathBuf {
        self.home.approved().join(digest.to_string())
    }

    fn approved(&self, digest: &Digest) -> PathBuf {
        self.folder(digest).join(COMPONENT)
    }

    fn staged(&self, digest: &Digest) -> PathBuf {
        self.staging.join(format!("{digest}.wasm"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.home.write_private(path, bytes).map_err(Error::other)
    }

    fn read_from(&self, path: &Path, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(path)?
            .take(Limits::COMPONENT.0 + 1)
            .read_to_end(&mut bytes)?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(changed())
        }
    }
}

fn changed() -> Error {
    Error::new(ErrorKind::InvalidData, "the copy is not what was approved")
}

fn make(folder: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(found) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    found
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}
