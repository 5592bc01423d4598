//! Whose turn it is. Two questions, both answered per peer and in rounds: which waiting request starts next (`Lines`),
//! and which running guest is on a processor (`Places`). Nothing here knows what a request is about.

mod lines;
mod places;
mod rate;

pub use lines::{Bounds, Lines, Next, Refused};
pub use places::{Place, Places};
pub use rate::{PerMinute, Rates};
