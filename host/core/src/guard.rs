//! The disclosure guard: recognises copies of private texts in what is about to leave, also in disguise, and keeps count of
//! what each peer was shown. It bounds verbatim copying; a text told in other words or in another language passes.

mod account;
mod canary;
mod common;
mod disguise;
mod escape;
mod filler;
mod fold;
mod hidden;
mod index;
mod layout;
mod markup;
mod near;
mod open;
mod print;
mod radix;
mod redact;
mod scan;
mod stretch;
mod structure;
mod window;
mod words;

use std::collections::BTreeSet;
use std::fmt;

pub use account::{ALL_SHARE, Ledger, PEER_SHARE};
pub use index::{Index, guarded};
pub use open::published;
pub use stretch::Stretches;
pub use window::Window;

use crate::Digest;

/// The longest run of normalised characters of a private text that one answer may hold, also if it holds it in pieces.
pub const LONGEST: usize = 40;

/// What of the private texts was found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Why it may not pass, whatever was shown before.
    pub leak: Option<Leak>,
    /// What counts towards the accounts.
    pub shown: Vec<Shown>,
    /// Which places of the private texts came out.
    pub stretches: Stretches,
}

/// What of one private text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which text.
    pub text: Digest,
    /// The slot it is bound to.
    pub slot: String,
    /// How many fingerprints the text has.
    pub distinct: usize,
    /// Which of them were found.
    pub prints: BTreeSet<u64>,
    /// In which form.
    pub form: String,
}

/// Why a text may not pass. For the owner alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The slot of the private text.
    pub slot: String,
    /// What it is.
    pub what: What,
    /// In which form it was found.
    pub form: String,
}

/// What a leak is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// With it, all peers together would have been shown so many fingerprints.
    InSumOfAll(usize),
    /// With it, the peer would have been shown so many fingerprints.
    InSum(usize),
    /// It is packed so often that nobody can look through it.
    Unsearchable,
    /// It holds a mark that stands in the private text alone.
    Canary,
    /// It holds so many characters in a row.
    Run(usize),
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Run(chars) => write!(f, "{chars} characters in a row")?,
            What::Canary => f.write_str("a mark that stands there alone")?,
            What::Unsearchable => return f.write_str("packed too deep to be looked through"),
            What::InSum(prints) => write!(f, "{prints} fingerprints for this peer in sum")?,
            What::InSumOfAll(prints) => write!(f, "{prints} fingerprints for all peers in sum")?,
        }
        write!(f, " of the private text {:?} ({})", self.slot, self.form)
    }
}

/// A disguise that was seen through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Escapes of JSON and of programming languages.
    Escapes,
    /// Escapes of HTML.
    Entities,
    /// Escapes of URLs.
    Percent,
    /// Escapes of e-mail.
    Quoted,
    /// Tags, marks, links.
    Markup,
    /// Base64 in either alphabet.
    Base64,
    /// Hexadecimal.
    Hex,
    /// Numbers of characters.
    Numerals,
    /// Names of hosts.
    Punycode,
    /// Each letter 13 on.
    Rot13,
    /// Backwards.
    Reversed,
    /// Each word backwards, or the words in the other order.
    Words,
    /// Each line backwards, or the lines in the other order.
    Lines,
    /// Each letter with its signs where it stands, backwards as a whole.
    Clusters,
    /// With other digits, or none.
    Numbers,
    /// Characters that look like others, or like nothing.
    Unicode,
    /// Characters that are not shown.
    Tags,
    /// Something between all characters.
    Spaced,
    /// Something between all words.
    Filler,
    /// Strings of a document, one after another.
    Values,
    /// Fields of lines, one after another.
    Columns,
}

impl Form {
    const fn word(self) -> &'static str {
        match self {
            Self::Escapes => "escaped",
            Self::Entities => "HTML escapes",
            Self::Percent => "URL encoding",
            Self::Quoted => "quoted-printable",
            Self::Markup => "markup",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Numerals => "character numbers",
            Self::Punycode => "Punycode",
            Self::Rot13 => "rot13",
            Self::Reversed => "reversed",
            Self::Words => "words turned",
            Self::Lines => "lines turned",
            Self::Clusters => "letters turned",
            Self::Numbers => "without digits",
            Self::Unicode => "look-alikes",
            Self::Tags => "invisible characters",
            Self::Spaced => "spaced",
            Self::Filler => "filler between words",
            Self::Values => "values of a document",
            Self::Columns => "columns",
        }
    }

    /// Returns what a way to a text is called, from the outside in.
    fn name(path: &[Self], within: &[Self]) -> String {
        let words: Vec<&str> = path.iter().chain(within).map(|form| form.word()).collect();
        if words.is_empty() {
            "as it is".to_owned()
        } else {
            words.join(", ")
        }
    }
}

impl Index {
    /// Looks for the private texts in a text, through every disguise there is. What stands in the caller's own input in
    /// a row is not counted.
    pub fn inspect(&self, text: &str, input: &str) -> Sighting {
        let mut found = scan::Found::new(self, input);
        if self.texts.is_empty() {
            return found.into_sighting();
        }
        if !disguise::each(text, |text, path| found.look(text, path)) {
            found.leak(Leak::unsearchable());
        }
        found.into_sighting()
    }
}

#[cfg(test)]
mod tests;
