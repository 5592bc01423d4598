//! Forms that a text in any script may be asked for in. The bench of the guard measures how many are seen through.

#[path = "forms/letters.rs"]
mod letters;
#[path = "forms/notations.rs"]
mod notations;
#[path = "forms/structures.rs"]
mod structures;
#[path = "forms/write.rs"]
mod write;

use letters::{LETTERS, ORDERS};
use notations::{ENCODINGS, NOTATIONS};
use structures::{LISTS, STRUCTURES};

use super::dress::Disguise;

/// The private texts, one in each script.
pub(crate) const SCRIPTS: [(&str, &str); 8] = [
    (
        "Latin",
        include_str!("../../../../../tests/fixtures/scripts/latin.md"),
    ),
    (
        "Cyrillic",
        include_str!("../../../../../tests/fixtures/scripts/cyrillic.md"),
    ),
    (
        "Greek",
        include_str!("../../../../../tests/fixtures/scripts/greek.md"),
    ),
    (
        "Arabic",
        include_str!("../../../../../tests/fixtures/scripts/arabic.md"),
    ),
    (
        "Devanagari",
        include_str!("../../../../../tests/fixtures/scripts/devanagari.md"),
    ),
    (
        "Han",
        include_str!("../../../../../tests/fixtures/scripts/han.md"),
    ),
    (
        "Kana",
        include_str!("../../../../../tests/fixtures/scripts/kana.md"),
    ),
    (
        "Hangul",
        include_str!("../../../../../tests/fixtures/scripts/hangul.md"),
    ),
];

/// Returns all forms.
pub(crate) fn all() -> impl Iterator<Item = &'static Disguise> {
    [NOTATIONS, ENCODINGS, LETTERS, ORDERS, LISTS, STRUCTURES]
        .into_iter()
        .flatten()
}
