//! The home: the one folder where a host keeps everything. Others may not write to it, nor to any folder on the way to
//! it, because whoever can do that is the host. One process at a time serves a home.

mod error;
mod identity;
mod safety;
mod seal;
mod wallet;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::clock;

pub use error::HomeError;
pub use identity::{Identity, fingerprint, verify};
pub use seal::Seal;
pub use wallet::{Wallet, hex};

/// The folder's name under the user's own folder.
const DEFAULT: &str = ".coworker-host";
/// The folders of a home, made with it.
const FOLDERS: [&str; 4] = ["skills", "approved", "cache", "logs"];

/// A home that was found safe. Clones name the same folder.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    /// Open, where the home is encrypted.
    seal: Option<Seal>,
}

/// The right to serve a home. Released when dropped, and by the system when the process dies.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// Returns where the home is: the flag's folder, else the environment's, else the usual one of this user.
    pub fn locate(
        flag: Option<PathBuf>,
        environment: Option<String>,
    ) -> Result<PathBuf, HomeError> {
        let named = flag.or_else(|| {
            environment
                .filter(|text| !text.is_empty())
                .map(PathBuf::from)
        });
        let path = match named {
            Some(path) => path,
            None => std::env::home_dir()
                .filter(|path| path.is_absolute())
                .ok_or(HomeError::Nowhere)?
                .join(DEFAULT),
        };
        std::path::absolute(&path).map_err(|source| HomeError::io("find", &path, source))
    }

    /// Makes a home, with its folders and its key. What is there already stays as it is.
    pub fn create(root: &Path) -> Result<Self, HomeError> {
        make_folder(root)?;
        let home = Self::open(root)?;
        for folder in FOLDERS {
            make_folder(&home.root.join(folder))?;
        }
        if !exists(&home.identity_key())? {
            home.check_is_new()?;
            Identity::generate().store(&home)?;
        }
        Ok(home)
    }

    /// Refuses a home without its key that was in use: another key would be another host under the old one's name. The
    /// key is the first file of a home, so that one whose making broke off has none of these.
    fn check_is_new(&self) -> Result<(), HomeError> {
        let used = [self.store(), self.wallet_key(), self.seal_file()];
        for path in &used {
            if exists(path)? {
                return Err(self.lost_identity());
            }
        }
        match self.has_inbox()? {
            true => Err(self.lost_identity()),
            false => Ok(()),
        }
    }

    fn lost_identity(&self) -> HomeError {
        HomeError::Lost {
            path: self.identity_key(),
            why: "this home was in use, and peers know it by that key",
        }
    }

    /// Returns whether a network knows this home: by the wallet's key, which is then not made anew.
    fn has_inbox(&self) -> Result<bool, HomeError> {
        let folder = self.xmtp();
        let networks = match std::fs::read_dir(&folder) {
            Ok(networks) => networks,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(HomeError::io("look into", &folder, source)),
        };
        for network in networks {
            let network = network.map_err(|source| HomeError::io("look into", &folder, source))?;
            for file in ["inbox", "installation", "client.db3"] {
                if exists(&network.path().join(file))? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Opens a home that exists. Refused if another user can write to it, or to a folder on the way to it.
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        let given =
            std::path::absolute(root).map_err(|source| HomeError::io("find", root, source))?;
        if !exists(&given)? {
            return Err(HomeError::Missing(given));
        }
        let root = safety::check(&given)?;
        safety::close_to_others(&root)?;
        Ok(Self { root, seal: None })
    }

    /// Takes the home for this process, or says who has it.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        let path = self.root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| HomeError::io("open", &path, source))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(HomeError::Locked {
                    home: self.root.clone(),
                    process: text.trim().parse().ok(),
                });
            }
            Err(error) => return Err(HomeError::io("lock", &path, error.into())),
        }
        // The number is for people only: the lock is what counts, so a failure to write it is none.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(HomeLock { _file: file })
    }

    /// Reads the host's key.
    pub fn identity(&self) -> Result<Identity, HomeError> {
        Identity::load(self)
    }

    /// Reads the key of the host's wallet. A home that has none yet gets one.
    pub fn wallet(&self) -> Result<Wallet, HomeError> {
        Wallet::open(self)
    }

    /// Returns the folder itself, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the configuration is.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Returns where the host's key is.
    pub fn identity_key(&self) -> PathBuf {
        self.root.join("identity.key")
    }

    /// Returns where the key of the host's wallet is.
    pub fn wallet_key(&self) -> PathBuf {
        self.root.join("wallet.key")
    }

    /// Returns the folder of what belongs to XMTP: the program that carries messages, and a folder for each network.
    pub fn xmtp(&self) -> PathBuf {
        self.root.join("xmtp")
    }

    /// Makes a folder of the home that is ours alone, if it is not there.
    pub fn make_folder(&self, path: &Path) -> Result<(), HomeError> {
        make_folder(path)
    }

    /// Returns where the database is.
    pub fn store(&self) -> PathBuf {
        self.root.join("host.db")
    }

    /// Returns where a host names the messages that it is handling.
    pub fn handling(&self) -> PathBuf {
        self.root.join("handling")
    }

    /// Returns the folder that skills are dropped into.
    pub fn skills(&self) -> PathBuf {
        self.root.join("skills")
    }

    /// Returns where approved components are kept by digest.
    pub fn approved(&self) -> PathBuf {
        self.root.join("approved")
    }

    /// Returns where compiled code is kept. What lies there is run: it must be ours alone.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Returns where the host's own log is written.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns where a running host listens for commands.
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// Writes a file that is ours alone, whole or not at all: a reader sees the old bytes or the new ones, also after
    /// a power cut.
    pub fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
        let temporary = self.write_beside(path, bytes)?;
        let moved = std::fs::rename(&temporary, path);
        self.settle(path, &temporary, moved)
    }

    /// Writes a file that is ours alone and does not exist yet. Never replaces one.
    pub fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
        let temporary = self.write_beside(path, bytes)?;
        // A link fails if the name is taken, where a rename would replace what is there.
        let moved =
            std::fs::hard_link(&temporary, path).and_then(|()| std::fs::remove_file(&temporary));
        self.settle(path, &temporary, moved)
    }

    fn write_beside(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf, HomeError> {
        let temporary = path.with_file_name(format!(".{}.tmp", clock::token()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        match written {
            Ok(()) => Ok(temporary),
            Err(source) => {
                let _ = std::fs::remove_file(&temporary);
                Err(HomeError::io("write", path, source))
            }
        }
    }

    fn settle(
        &self,
        path: &Path,
        temporary: &Path,
        moved: std::io::Result<()>,
    ) -> Result<(), HomeError> {
        // Until the folder is synced too, a power cut may bring the old name back.
        let folder = path.parent().unwrap_or(&self.root);
        moved
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| {
                let _ = std::fs::remove_file(temporary);
                HomeError::io("write", path, source)
            })
    }
}

/// Makes a folder that is ours alone, with those on the way to it.
fn make_folder(path: &Path) -> Result<(), HomeError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
        std::fs::create_dir_all(parent).map_err(|source| HomeError::io("make", parent, source))?;
    }
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)))
        .map_err(|source| HomeError::io("make", path, source))
}

fn exists(path: &Path) -> Result<bool, HomeError> {
    path.try_exists()
        .map_err(|source| HomeError::io("look at", path, source))
}

#[cfg(test)]
mod tests;
