//! What the skill remembers between calls. A skill that calls this needs the grant `state`.
//!
//! Each caller has a partition of its own (1 MiB), unless the owner granted a shared one. Writes take effect when
//! the call succeeds, and not at all when it fails.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why nothing was read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The partition or the skill's share is full.
    Full,
    /// A key is empty or over 256 bytes, or a value over 256 KiB or of another shape than asked for.
    Invalid,
    /// The store cannot be reached.
    Unavailable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room left to remember more",
            Self::Invalid => "the key or value cannot be remembered",
            Self::Unavailable => "what was remembered cannot be reached now",
        })
    }
}

impl std::error::Error for Error {}

/// Returns the bytes of a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::get(key)
}

/// Sets the bytes of a key.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    host::set(key, value.as_ref())
}

/// Returns the value that [`put`] stored.
pub fn load<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    let bytes = get(key)?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|_| Error::Invalid))
        .transpose()
}

/// Stores a value as JSON.
pub fn put(key: &str, value: &impl Serialize) -> Result<(), Error> {
    set(key, serde_json::to_vec(value).map_err(|_| Error::Invalid)?)
}

/// Removes a key; one that is not there is no error.
pub fn delete(key: &str) -> Result<(), Error> {
    host::delete(key)
}

/// Returns up to 1,000 keys that start with `prefix`, in byte order.
pub fn list(prefix: &str) -> Result<Vec<String>, Error> {
    host::list(prefix)
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::Error;
    use crate::component::coworker::skill::state as import;

    fn error(error: import::Error) -> Error {
        match error {
            import::Error::Full => Error::Full,
            import::Error::Invalid => Error::Invalid,
            import::Error::Unavailable => Error::Unavailable,
        }
    }

    pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        import::get(key).map_err(error)
    }

    pub(super) fn set(key: &str, value: &[u8]) -> Result<(), Error> {
        import::set(key, value).map_err(error)
    }

    pub(super) fn delete(key: &str) -> Result<(), Error> {
        import::delete(key).map_err(error)
    }

    pub(super) fn list(prefix: &str) -> Result<Vec<String>, Error> {
        import::list(prefix).map_err(error)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod host {
    use super::Error;
    use crate::testing::with_state;

    fn checked(key: &str) -> Result<(), Error> {
        if key.is_empty() || key.len() > 256 {
            Err(Error::Invalid)
        } else {
            Ok(())
        }
    }

    pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        checked(key)?;
        Ok(with_state(|state| state.get(key).cloned()))
    }

    pub(super) fn set(key: &str, value: &[u8]) -> Result<(), Error> {
        checked(key)?;
        if value.len() > 256 * 1024 {
            return Err(Error::Invalid);
        }
        with_state(|state| state.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(super) fn delete(key: &str) -> Result<(), Error> {
        checked(key)?;
        with_state(|state| state.remove(key));
        Ok(())
    }

    pub(super) fn list(prefix: &str) -> Result<Vec<String>, Error> {
        Ok(with_state(|state| {
            state
                .keys()
                .filter(|key| key.starts_with(prefix))
                .take(1000)
                .cloned()
                .collect()
        }))
    }
}
