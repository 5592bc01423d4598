//! The folder of compiled code. Whoever can write there runs code as this user, so it must be ours alone; a file in it
//! that is damaged is compiled anew.

use std::fs::{DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use wasmtime::{Cache, CacheConfig};

use crate::error::SandboxError;

/// Compressing harder what is used often would take a core for seconds to win little.
const LEVEL: i32 = 1;

/// Opens the cache in a folder, which is made if it is missing.
pub(crate) fn open(folder: &Path) -> Result<Cache, SandboxError> {
    let refuse = |why: String| SandboxError::Cache {
        path: folder.to_owned(),
        why,
    };
    if !folder.is_absolute() {
        return Err(refuse("its path is not absolute".to_owned()));
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refuse(format!("it cannot be made: {error}"))),
    }
    ours_alone(folder).map_err(refuse)?;
    // Resolved only now: a link as the last part was refused above.
    let real: PathBuf = folder
        .canonicalize()
        .map_err(|error| refuse(format!("it cannot be opened: {error}")))?;
    let mut config = CacheConfig::new();
    config
        .with_directory(real)
        .with_baseline_compression_level(LEVEL)
        .with_optimized_compression_level(LEVEL);
    Cache::new(config).map_err(|error| refuse(format!("{error:#}")))
}

/// Checks that nobody else can put a file there, or another folder in its place.
fn ours_alone(folder: &Path) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    let found = std::fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    if found.is_symlink() {
        return Err("it is a symbolic link".to_owned());
    }
    if !found.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    if found.uid() != me {
        return Err(format!("it belongs to user {}, not to us", found.uid()));
    }
    if mode(&found) & 0o077 != 0 {
        return Err(format!(
            "others may enter it: its mode is {:04o}, not 0700",
            mode(&found)
        ));
    }
    let Some(above) = folder.parent() else {
        return Err("it is the root folder".to_owned());
    };
    let above = std::fs::metadata(above).map_err(|error| error.to_string())?;
    // With the sticky bit, only the owner of an entry may move it away.
    if mode(&above) & 0o1002 == 0o002 {
        return Err("anybody may replace it: the folder above is writable for all".to_owned());
    }
    if above.uid() != me && above.uid() != 0 {
        return Err(format!(
            "user {} may replace it: the folder above is theirs",
            above.uid()
        ));
    }
    Ok(())
}

fn mode(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[track_caller]
    fn refused(folder: &Path, part: &str) {
        match open(folder) {
            Err(SandboxError::Cache { why, .. }) => assert!(why.contains(part), "{why}"),
            Err(other) => panic!("another error: {other}"),
            Ok(_) => panic!("{} must be refused", folder.display()),
        }
    }

    #[test]
    fn only_a_folder_of_ours_alone_is_taken() {
        let temp = tempfile::tempdir().expect("a folder for the test");
        let at = |name: &str| temp.path().join(name);
        open(&at("new")).expect("a folder that is made");
        open(&at("new")).expect("the same folder again");
        assert_eq!(mode(&std::fs::metadata(at("new")).unwrap()), 0o700);

        std::fs::set_permissions(at("new"), Permissions::from_mode(0o750)).unwrap();
        refused(&at("new"), "0750");

        DirBuilder::new().mode(0o700).create(at("real")).unwrap();
        symlink(at("real"), at("link")).unwrap();
        refused(&at("link"), "symbolic link");
        std::fs::write(at("file"), b"").unwrap();
        refused(&at("file"), "not a folder");
        refused(Path::new("relative"), "not absolute");
        refused(&at("missing/below"), "cannot be made");

        DirBuilder::new().mode(0o700).create(at("open")).unwrap();
        std::fs::set_permissions(at("open"), Permissions::from_mode(0o777)).unwrap();
        refused(&at("open/cache"), "writable for all");
        std::fs::set_permissions(at("open"), Permissions::from_mode(0o1777)).unwrap();
        open(&at("open/cache")).expect("the sticky bit protects it");
    }
}
