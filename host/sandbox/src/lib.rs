//! The sealed room.
