//! The data folder: only its owner reads it, and only one node at a time uses it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another node uses it.
    #[error("another node uses {}", .0.display())]
    InUse(PathBuf),
    /// It could not be made, kept from others, or locked.
    #[error("the data folder {}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
}

/// A folder that is ours until this is dropped. The system frees the lock of a process that was killed.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    pub(crate) fn open(root: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io {
            path: root.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed)?;
        // It may have been there before with other permissions. Somebody else's folder cannot be changed: that is an error.
        std::fs::set_permissions(root, Permissions::from_mode(0o700)).map_err(failed)?;
        let lock = private_file(&root.join("lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(FolderError::InUse(root.to_owned()));
            }
            Err(error) => return Err(failed(error.into())),
        }
        // SQLite gives its other files the permissions of this one.
        private_file(&root.join("node.db")).map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("node.db")
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}
