//! Tasks beyond cargo.
fn main() {}
