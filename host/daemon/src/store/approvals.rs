//! What the owner approved. Holds no policy.

pub(crate) const TABLES: &str = "";
