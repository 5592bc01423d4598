//! What the skills folder knows of models: whether one can be asked. Who asks them is elsewhere.

use std::fmt;
use std::sync::Arc;

use coworker_core::ModelWish;

type Why = dyn Fn(&ModelWish) -> Option<String> + Send + Sync;

/// Says why a text cannot be answered as it wishes, if it cannot.
#[derive(Clone)]
pub struct ModelCheck(Arc<Why>);

impl ModelCheck {
    /// Makes a check of a function that returns a reason, with what the owner can do, or nothing.
    pub fn new(why: impl Fn(&ModelWish) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(why))
    }

    /// Returns why a text cannot be answered as it wishes, if it cannot.
    pub fn why_unavailable(&self, wish: &ModelWish) -> Option<String> {
        (self.0)(wish)
    }
}

impl Default for ModelCheck {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for ModelCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelCheck")
    }
}
