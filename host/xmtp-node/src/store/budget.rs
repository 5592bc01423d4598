//! How large an answer may become. Clients take 25 MB; an answer beyond it would be made and sent for nothing.

use super::StoreError;

/// With what a client's headers and framing add, still within its limit.
const LARGEST_ANSWER: usize = 20 * 1024 * 1024;

/// What is left of an answer.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(LARGEST_ANSWER)
    }

    /// Takes `size` bytes, or refuses the whole answer.
    pub(super) fn take(&mut self, size: usize) -> Result<(), StoreError> {
        self.0 = self.0.checked_sub(size).ok_or(StoreError::TooLarge)?;
        Ok(())
    }
}
