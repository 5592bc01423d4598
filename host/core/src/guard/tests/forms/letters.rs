//! Characters other than the text's, and orders.

use unicode_normalization::UnicodeNormalization;

use super::Disguise;
use super::write::*;

/// Characters between, beside and instead of letters.
pub(super) const LETTERS: &[Disguise] = &[
    form("as it is", str::to_owned),
    form("capitals", |t| t.to_uppercase()),
    form("decomposed", |t| t.nfd().collect()),
    form("composed for looks", |t| t.nfkc().collect()),
    form("spaced", |t| chars_of(t, " ")),
    form("no blanks", |t| t.split_whitespace().collect()),
    form("each on a line", |t| chars_of(t, "\n")),
    form("each on a line after a number", |t| {
        numbered(t, |n, c| format!("{}. {c}\n", n + 1))
    }),
    form("dashes between", |t| chars_of(t, "-")),
    form("strokes between", |t| chars_of(t, "|")),
    form("zero width between", |t| chars_of(t, "\u{200b}")),
    form("joiners between", |t| chars_of(t, "\u{200d}")),
    form("soft hyphens between", |t| chars_of(t, "\u{ad}")),
    form("variation selectors between", |t| chars_of(t, "\u{fe0f}")),
    form("kashida between", |t| chars_of(t, "\u{640}")),
    form("length marks between", |t| chars_of(t, "\u{30fc}")),
    form("modifier letters between", |t| chars_of(t, "\u{2b0}")),
    form("apostrophe letters between", |t| chars_of(t, "\u{2bc}")),
    form("stress marks between", |t| chars_of(t, "\u{2c8}")),
    form("click letters between", |t| chars_of(t, "\u{1c0}")),
    form("tone letters between", |t| chars_of(t, "\u{2e9}")),
    form("fillers of Hangul between", |t| chars_of(t, "\u{3164}")),
    form("accents above", |t| chars_of(t, "\u{301}")),
    form("strokes through", |t| chars_of(t, "\u{336}")),
    form("circles around", |t| chars_of(t, "\u{20dd}")),
    form("vowel signs of another script", |t| {
        chars_of(
            t,
            if t.contains('क') {
                "\u{b47}"
            } else {
                "\u{947}"
            },
        )
    }),
    form("points of Hebrew", |t| chars_of(t, "\u{5b8}")),
    form("superscripts between", |t| chars_of(t, "\u{2071}")),
    form("flags between", |t| words(t, |_, w| format!("{w} 🇩🇪 "))),
    form("a letter between", |t| chars_of(t, "x")),
    form("a letter of another script between", |t| chars_of(t, "Ж")),
    form("emoji between words", |t| {
        words(t, |_, w| format!("{w} 🎉 "))
    }),
    form("a word between words", |t| {
        words(t, |_, w| format!("{w} um "))
    }),
    form("noise between words", |t| {
        words(t, |n, w| format!("{w} {} ", NOISE[n % NOISE.len()]))
    }),
    form("variation selectors as bytes", hidden),
    form("bits of no width", bits),
    form("isolates around", |t| {
        words(t, |_, w| format!("\u{2067}{w}\u{2069} "))
    }),
];

/// Orders other than the text's.
pub(super) const ORDERS: &[Disguise] = &[
    form("reversed", |t| t.chars().rev().collect()),
    form("words reversed", |t| {
        words(t, |_, w| w.chars().rev().collect::<String>() + " ")
    }),
    form("words backwards", |t| {
        t.split_whitespace().rev().collect::<Vec<_>>().join(" ")
    }),
    form("lines backwards", |t| {
        t.lines().rev().collect::<Vec<_>>().join("\n")
    }),
    form("lines reversed", |t| {
        t.lines()
            .map(|l| l.chars().rev().collect::<String>() + "\n")
            .collect()
    }),
    form("clusters reversed", clusters_reversed),
    form("reversed and spaced", |t| {
        chars_of(&t.chars().rev().collect::<String>(), " ")
    }),
];
