//! A place in a value, as the way that a check went down to it.

use super::Violation;
use crate::message::cut;

/// The most of a name of the value that a place repeats, in characters.
const NAME: usize = 64;
/// The longest place that is told whole, in bytes. A longer one ends early: it still says where to look.
const LONGEST: usize = 1 << 10;

/// A place in a value.
pub(super) enum Place<'p> {
    /// The value itself.
    Root,
    /// A member of an object.
    Key(&'p Place<'p>, &'p str),
    /// An item of an array.
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    pub(super) fn key<'p>(&'p self, key: &'p str) -> Place<'p> {
        Place::Key(self, key)
    }

    pub(super) fn item(&self, n: usize) -> Place<'_> {
        Place::Item(self, n)
    }

    /// Returns the violation of a rule here.
    pub(super) fn violation(&self, rule: &str) -> Violation {
        Violation {
            place: self.pointer(),
            rule: rule.to_owned(),
        }
    }

    fn pointer(&self) -> String {
        let mut parts = Vec::new();
        let mut next = self;
        loop {
            next = match next {
                Self::Root => break,
                Self::Key(above, key) => {
                    parts.push(shown(key));
                    above
                }
                Self::Item(above, n) => {
                    parts.push(n.to_string());
                    above
                }
            };
        }
        let mut pointer = String::new();
        for part in parts.iter().rev() {
            if pointer.len() + part.len() > LONGEST {
                pointer.push_str("/…");
                break;
            }
            pointer.push('/');
            pointer.push_str(part);
        }
        pointer
    }
}

fn shown(key: &str) -> String {
    let short = cut(key, NAME);
    let rest = if short.len() < key.len() { "…" } else { "" };
    format!("{}{rest}", short.replace('~', "~0").replace('/', "~1"))
}
