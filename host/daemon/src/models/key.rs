//! The keys of providers, and the home's passphrase: where they are, whether they are there, and the one way to read them.
//! A provider's key leaves this file only inside a header that is marked as sensitive.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use coworker_core::Secret;
use http::HeaderValue;

use super::Fault;
use crate::secret_command::{LONGEST, SecretCommand, first_line};

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The provider needs none.
    Nowhere,
    /// In a variable of the environment, which was read when the host began.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// A command prints it.
    Command(SecretCommand),
}

/// A provider's key.
pub(crate) struct Key {
    source: Source,
    /// What the environment or the command gave.
    known: Mutex<Option<Secret>>,
}

impl Key {
    /// Returns the key of a source; `environment` is asked once, now.
    pub(crate) fn new(source: Source, environment: impl Fn(&str) -> Option<String>) -> Self {
        let known = match &source {
            Source::Env(name) => environment(name)
                .map(|key| key.trim().to_owned())
                .filter(|key| !key.is_empty())
                .map(Secret::new),
            _ => None,
        };
        Self {
            source,
            known: Mutex::new(known),
        }
    }

    /// Returns where the key is, in words that may be shown.
    pub(super) fn place(&self) -> String {
        match &self.source {
            Source::Nowhere => "needs no key".to_owned(),
            Source::Env(name) => format!("key in {name}"),
            Source::File(path) => format!("key in {}", path.display()),
            Source::Command(_) => "key by command".to_owned(),
        }
    }

    /// Returns why there is no key, if that is known without running anything.
    pub(super) fn missing(&self) -> Option<String> {
        match &self.source {
            Source::Nowhere | Source::Command(_) => None,
            Source::Env(name) => self
                .known()
                .is_none()
                .then(|| format!("the environment has no {name}")),
            Source::File(path) => read(path).err(),
        }
    }

    /// Returns a header with the key behind `before`; nothing where no key is needed.
    pub(super) async fn header(&self, before: &str) -> Result<Option<HeaderValue>, Fault> {
        let Some(key) = self.get().await.map_err(Fault::NoKey)? else {
            return Ok(None);
        };
        let mut value = HeaderValue::from_str(&format!("{before}{}", key.reveal()))
            .map_err(|_| Fault::NoKey("it has characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Forgets what a command printed: the provider does not take it any more.
    pub(super) fn forget(&self) {
        if matches!(self.source, Source::Command(_)) {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Returns the key, or why there is none; nothing where none is needed.
    pub(crate) async fn get(&self) -> Result<Option<Secret>, String> {
        match &self.source {
            Source::Nowhere => Ok(None),
            Source::Env(name) => match self.known() {
                Some(key) => Ok(Some(key)),
                None => Err(format!("the environment has no {name}")),
            },
            // Read each time, so that a new key needs no restart.
            Source::File(path) => read(path).map(Some),
            Source::Command(command) => {
                if let Some(key) = self.known() {
                    return Ok(Some(key));
                }
                let key = command.first_line().await?;
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
                Ok(Some(key))
            }
        }
    }

    fn known(&self) -> Option<Secret> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.place()).finish()
    }
}

/// Reads a key from a file that is ours alone.
fn read(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let meta = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("{shown} belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(format!(
            "others may read or write {shown}: run `chmod 600 {shown}`"
        ));
    }
    if meta.len() > LONGEST as u64 {
        return Err(format!("{shown} is too long for a key"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    first_line(&text).ok_or_else(|| format!("{shown} is empty"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    async fn key(source: Source) -> Result<String, String> {
        let key = Key::new(source, |name| {
            (name == "KEY").then(|| " sk-env\n".to_owned())
        });
        let header = key
            .header("Bearer ")
            .await
            .map_err(|fault| fault.to_string())?;
        let value = header.expect("it needs one");
        assert!(value.is_sensitive() && !format!("{key:?}{value:?}").contains("sk-"));
        Ok(value.to_str().expect("text").to_owned())
    }

    #[tokio::test]
    async fn a_key_comes_from_where_the_owner_says() {
        assert_eq!(
            key(Source::Env("KEY".into())).await.as_deref(),
            Ok("Bearer sk-env")
        );
        assert!(
            key(Source::Env("OTHER".into()))
                .await
                .expect_err("none")
                .contains("OTHER")
        );
        let command = |line: &str| {
            Source::Command(SecretCommand {
                key: "llm.near.key_command".into(),
                line: line.into(),
            })
        };
        let printed = key(command("echo sk-cmd; echo more")).await;
        assert_eq!(printed.as_deref(), Ok("Bearer sk-cmd"));
        let failed = key(command("echo sk-x >&2; exit 3")).await;
        assert!(
            failed
                .as_ref()
                .is_err_and(|why| why.contains("failed") && !why.contains("sk-x"))
        );
        let none = Key::new(Source::Nowhere, nothing).header("").await;
        assert_eq!(none, Ok(None));
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_no_place_for_a_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("key");
        std::fs::write(&path, "sk-file\n").expect("written");
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("ours");
        };
        for open in [0o644, 0o640, 0o604, 0o620] {
            mode(open);
            let refused = key(Source::File(path.clone())).await.expect_err("refused");
            assert!(refused.contains("chmod 600"), "{refused}");
            assert!(
                Key::new(Source::File(path.clone()), nothing)
                    .missing()
                    .is_some()
            );
        }
        mode(0o600);
        assert_eq!(
            key(Source::File(path.clone())).await.as_deref(),
            Ok("Bearer sk-file")
        );
        // A new key needs no restart.
        let held = Key::new(Source::File(path.clone()), nothing);
        std::fs::write(&path, "sk-new").expect("written");
        assert_eq!(
            held.header("")
                .await
                .expect("read")
                .expect("needed")
                .to_str()
                .ok(),
            Some("sk-new")
        );
        std::fs::write(&path, "\n").expect("written");
        assert!(held.missing().is_some_and(|why| why.contains("empty")));
    }
}
