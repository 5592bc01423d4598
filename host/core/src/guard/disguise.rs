//! Takes disguises off, one layer after another, the shallow ones first. What a layer needs is looked for before it is
//! tried, and only what lies around a change is looked at again, so that plain text costs little; what all layers together may
//! cost is bounded, so that hostile text does too.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter;

use super::near::{around, crowds, parts, points};
use super::{Form, escape, filler, fold, hidden, markup, radix, structure, words};

/// How many layers are taken off.
const DEPTH: usize = 5;
/// What lies at most so deep must all be looked at, or the text counts as one that nobody can look through.
const CERTAIN: usize = 2;
/// How many texts are looked at.
const TEXTS: usize = 400;
/// How many bytes are looked at, in all layers: so many times the text's own, and some for short ones.
const TIMES: usize = 48;
const AT_LEAST: usize = 1 << 18;

/// A text under some layers.
struct Node {
    text: String,
    path: Vec<Form>,
    kind: Kind,
}

/// What is worth a look in a text under some layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The text, and whatever lies below.
    Open,
    /// What lies below: normalisation reads it as it reads the text above it.
    Read,
    /// The text, and what is encoded in it: its structure is off.
    Flat,
    /// The text, and what is packed in it as a whole: fields put together. Whatever else there is to take off is taken off
    /// before lines are cut into fields.
    Fields,
    /// The text: what lies below lies below the text above it too.
    Leaf,
}

/// What waits to be looked at. It costs memory: what would be too much of it is not taken.
struct Line {
    nodes: VecDeque<Node>,
    seen: HashSet<u64>,
    bytes: usize,
    most: usize,
    /// Whether nothing was left out that must be looked at.
    is_whole: bool,
}

impl Line {
    fn push(&mut self, node: Node) {
        if self.bytes > self.most {
            self.is_whole &= node.path.len() > CERTAIN;
        } else if self.seen.insert(digest(&node.text)) {
            self.bytes += node.text.len();
            self.nodes.push_back(node);
        }
    }

    fn pop(&mut self) -> Option<Node> {
        let node = self.nodes.pop_front()?;
        self.bytes -= node.text.len();
        Some(node)
    }
}

/// Passes on a text and everything it can be decoded to. Returns false if there was more than may be looked at.
pub(super) fn each(text: &str, mut look: impl FnMut(&str, &[Form])) -> bool {
    look(text, &[]);
    let mut budget = text.len().saturating_mul(TIMES).max(AT_LEAST);
    let mut line = Line {
        nodes: VecDeque::new(),
        seen: HashSet::from([digest(text)]),
        bytes: 0,
        most: 2 * budget,
        is_whole: true,
    };
    below(text, &[], false, &mut |node| line.push(node));
    let mut count = 0;
    while let Some(node) = line.pop() {
        count += 1;
        budget = budget.saturating_sub(node.text.len());
        if count > TEXTS || budget == 0 {
            return line.is_whole && node.path.len() > CERTAIN;
        }
        if node.kind != Kind::Read {
            look(&node.text, &node.path);
        }
        if node.path.len() >= DEPTH {
            continue;
        }
        let mut push = |node| line.push(node);
        match node.kind {
            Kind::Open | Kind::Read => below(&node.text, &node.path, false, &mut push),
            // What is encoded has marks, digits, capitals, or characters beyond ASCII.
            Kind::Flat if !node.text.is_ascii() || radix::may_be_packed(&node.text) => {
                below(&node.text, &node.path, true, &mut push);
            }
            Kind::Fields => packed(&node.text, &node.path, &mut push),
            Kind::Flat | Kind::Leaf => {}
        }
    }
    line.is_whole
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// So many bytes hold eight marks where every character is escaped …
const DENSE: usize = 72;
/// … and so many where every word is marked up, or every other letter is another's.
const LOOSE: usize = 256;

/// So many digits …
const DIGITS: usize = 16;
/// … within so many bytes may be hexadecimal, or numbers of characters.
const CROWD: usize = 192;

/// What a text has that disguises need.
#[derive(Default)]
struct Signs {
    alphanumerics: usize,
    /// Letters and digits with none beside them.
    lone: usize,
    /// Whether digits stand close together anywhere.
    crowded: bool,
    /// Where escapes may be.
    escapes: Vec<usize>,
    /// Where escapes of e-mail may be.
    equals: Vec<usize>,
    pluses: usize,
    /// Whether a word with a hyphen before it is long enough to be Punycode.
    hyphened: bool,
    /// How many tags may be there, and where tags are that are turned.
    tags: usize,
    turned: Vec<usize>,
    /// Where characters beyond ASCII are, and where letters of ASCII meet others that look like them.
    wide: Vec<usize>,
    mixed: Vec<usize>,
    /// Characters that may stand for others without being shown.
    hidden: usize,
}

/// So many bytes are looked at together.
const CHUNK: usize = 64;

/// Returns whether a byte is worth a note.
const fn is_noted(byte: u8) -> bool {
    matches!(
        byte,
        b'\\' | b'%' | b'&' | b'=' | b'+' | b'<' | b'>' | 0xc0..
    )
}

impl Signs {
    fn of(text: &str) -> Self {
        let mut signs = Self {
            crowded: is_crowded(text),
            ..Self::default()
        };
        let bytes = text.as_bytes();
        for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
            // Asked without a branch for each byte.
            if !chunk.iter().fold(false, |any, byte| any | is_noted(*byte)) {
                continue;
            }
            for (at, byte) in (number * CHUNK..).zip(chunk) {
                if is_noted(*byte) {
                    let beside =
                        |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(0);
                    signs.note(at, *byte, beside(at.checked_sub(1)), beside(Some(at + 1)));
                }
            }
        }
        for word in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
            signs.alphanumerics += word.len();
            signs.lone += usize::from(word.len() == 1);
            signs.hyphened |= word.len() >= words::LONG;
        }
        signs
    }

    fn note(&mut self, at: usize, byte: u8, before: u8, after: u8) {
        match byte {
            b'\\' => self.escapes.push(at),
            // Between blanks they mean what they mean.
            b'%' | b'&' if after != b' ' || before != b' ' => self.escapes.push(at),
            b'=' => self.equals.push(at),
            b'+' => self.pluses += 1,
            b'<' | b'>' => {
                self.tags += 1;
                if before == b'/' && byte == b'<' || after == b'/' && byte == b'>' {
                    self.turned.push(at);
                }
            }
            0xc0.. => {
                self.wide.push(at);
                self.hidden += usize::from(
                    matches!(byte, 0xef | 0xf3) || (byte == 0xe2 && matches!(after, 0x80 | 0x81)),
                );
                // Greek, Cyrillic, Armenian.
                if before.is_ascii_alphabetic() && matches!(byte, 0xcd..=0xd6) {
                    self.mixed.push(at);
                }
            }
            _ => {}
        }
    }
}

/// Returns whether digits stand close together anywhere.
fn is_crowded(text: &str) -> bool {
    // How many digits the last chunks have.
    let mut digits = [0; CROWD / CHUNK + 1];
    text.as_bytes().chunks(CHUNK).any(|chunk| {
        let here = chunk.iter().map(|byte| u8::from(byte.is_ascii_digit()));
        digits.rotate_left(1);
        if let Some(last) = digits.last_mut() {
            *last = usize::from(here.sum::<u8>());
        }
        digits.iter().sum::<usize>() > DIGITS
    })
}

/// Which layers are worth looking for below those that are off already.
struct Plan {
    straight: bool,
    resolved: bool,
    stripped: bool,
    filled: bool,
    turned: bool,
    /// Documents are taken apart, and lines.
    opened: bool,
}

impl Plan {
    fn below(path: &[Form]) -> Self {
        // What was packed begins anew.
        let since = path.iter().rev().take_while(|form| {
            matches!(
                form,
                Form::Unicode
                    | Form::Escapes
                    | Form::Entities
                    | Form::Percent
                    | Form::Quoted
                    | Form::Markup
                    | Form::Spaced
            )
        });
        let has = |forms: &[Form]| since.clone().any(|form| forms.contains(form));
        let escapes = [Form::Escapes, Form::Entities, Form::Percent, Form::Quoted];
        Self {
            straight: !has(&[Form::Unicode]),
            // Of tags within escapes and escapes within tags, the former are looked for.
            resolved: !has(&escapes) && !has(&[Form::Markup]),
            stripped: !has(&[Form::Markup]),
            filled: path.len() < 3 && since.clone().next().is_none(),
            // What is turned within other layers is recognised as it is.
            turned: path
                .iter()
                .all(|form| matches!(form, Form::Values | Form::Columns)),
            // Documents within documents, as far as somebody may mean them.
            opened: path.iter().filter(|form| **form == Form::Values).count() < 3,
        }
    }
}

/// Passes on what is packed in fields, and every other one of quoted ones.
fn packed(text: &str, path: &[Form], sink: &mut impl FnMut(Node)) {
    let mut put = |forms: &[Form], text: String, kind: Kind| {
        let path = [path, forms].concat();
        sink(Node { text, path, kind });
    };
    if matches!(path, [Form::Values]) {
        every_other(text, &mut put);
    }
    let mut put = |form: Form, text: String| put(&[form], text, Kind::Flat);
    radix::base64(text, &mut |text| put(Form::Base64, text));
    if is_crowded(text) {
        radix::hex(text, &mut 0, &mut |text| put(Form::Hex, text));
        radix::numerals(text, &mut |text| put(Form::Numerals, text));
    }
}

/// Passes on every other word, and whether anything may be packed in them.
fn every_other(text: &str, put: &mut impl FnMut(&[Form], String, Kind)) {
    filler::every_other(text, &mut |text, is_packed| {
        // Numbers of lines, or of places, stand between what is packed.
        let kind = if is_packed { Kind::Fields } else { Kind::Leaf };
        put(&[Form::Filler, Form::Columns], text, kind);
    });
}

/// Passes on what lies one layer below a text.
fn below(text: &str, path: &[Form], is_flat: bool, sink: &mut impl FnMut(Node)) {
    let signs = Signs::of(text);
    let plan = Plan::below(path);
    let mut put = |forms: &[Form], text: String, kind: Kind| {
        let path = [path, forms].concat();
        // Whose structure is off has none in what is encoded in it either.
        let kind = if is_flat && kind == Kind::Open {
            Kind::Flat
        } else {
            kind
        };
        sink(Node { text, path, kind });
    };
    if plan.opened {
        let is_document = structure::is_document(text);
        let kind = if is_document {
            Kind::Open
        } else {
            Kind::Fields
        };
        let strings = if is_document {
            Some(structure::strings(text))
        } else if is_flat {
            None
        } else {
            structure::quoted(text)
        };
        if let Some(strings) = strings {
            let is_read = strings.is_read && signs.escapes.is_empty();
            let first = if is_read { Kind::Read } else { kind };
            let columns = strings.columns.into_iter().map(|text| (text, Kind::Fields));
            for (text, kind) in iter::once((strings.values, first)).chain(columns) {
                let text = escape::backslashes(&text).unwrap_or(text);
                put(&[Form::Values], text, kind);
            }
        }
        // What there is in a document is in its strings, but for rows of numbers.
        if is_document {
            if signs.crowded {
                radix::numerals(text, &mut |text| put(&[Form::Numerals], text, Kind::Open));
            }
            return;
        }
        if !is_flat {
            let elements = if signs.tags >= radix::DIGITS {
                structure::elements(text)
            } else {
                Vec::new()
            };
            for column in structure::columns(text).into_iter().chain(elements) {
                put(&[Form::Columns], column, Kind::Fields);
            }
        }
    }
    let packed = radix::base64(text, &mut |text| put(&[Form::Base64], text, Kind::Open));
    let mut numbers = Vec::new();
    if signs.crowded {
        let mut count = 0;
        numbers = radix::hex(text, &mut count, &mut |text| {
            put(&[Form::Hex], text, Kind::Open);
        });
        if count >= radix::DIGITS {
            radix::numerals(text, &mut |text| put(&[Form::Numerals], text, Kind::Open));
        }
    }
    if signs.hidden >= radix::DIGITS {
        hidden::each(text, &mut |text| put(&[Form::Tags], text, Kind::Open));
    }
    if signs.pluses >= words::LEAST
        && let Some(text) = words::utf7(text)
    {
        put(&[Form::Base64], text, Kind::Open);
    }
    if text.contains(words::PREFIX) || plan.filled && signs.hyphened {
        words::punycode(text, &mut |text| put(&[Form::Punycode], text, Kind::Open));
    }
    if signs.wide.len() >= fold::SILENT {
        for text in [fold::voiced(text), fold::composed(text)]
            .into_iter()
            .flatten()
        {
            put(&[Form::Unicode], text, Kind::Open);
        }
    }
    if plan.straight
        && let Some(near) = around(text, &crowds(&signs.wide, 2 * LOOSE))
        && let text = fold::straighten(&near)
        && radix::may_be_packed(&text)
    {
        put(&[Form::Unicode], text, Kind::Read);
    }
    let mut whole = false;
    if plan.resolved {
        let near = around(text, &points(&signs.escapes));
        // Where escapes are everywhere, what is stripped of its markup later is the text without them.
        whole = near
            .as_ref()
            .is_some_and(|near| near.len() * 4 >= text.len() * 3);
        let near = near.map(|near| if whole { text.to_owned() } else { near });
        match near.and_then(|near| escape::resolve(&near)) {
            Some((text, forms)) => put(&forms, text, Kind::Open),
            None => whole = false,
        }
        let near = around(text, &crowds(&signs.equals, LOOSE));
        if let Some(text) = near.and_then(|near| escape::hex_pairs(&near, b'=')) {
            put(&[Form::Quoted], text, Kind::Open);
        }
    }
    if plan.stripped
        && !whole
        && let Some(near) = around(text, &markup::spans(text))
        && let Some(text) = markup::strip(&near)
    {
        put(&[Form::Markup], text, Kind::Open);
    }
    if plan.filled && !is_flat {
        for text in [filler::without_words(text), filler::without_letters(text)]
            .into_iter()
            .flatten()
        {
            put(&[Form::Filler], text, Kind::Flat);
        }
    }
    if matches!(path, [] | [Form::Values]) {
        every_other(text, &mut put);
    }
    // Characters with something between them are read as they are; what is encoded that way is not.
    if signs.lone * 2 > signs.alphanumerics && signs.escapes.len() + signs.tags > 0 {
        put(&[Form::Spaced], escape::closed_up(text), Kind::Read);
    }
    if !plan.turned || is_flat {
        return;
    }
    // A text of which some letters had been made others before it was rotated.
    if let Some(text) = around(text, &crowds(&signs.mixed, LOOSE)) {
        put(&[Form::Rot13], rotated(&text), Kind::Open);
    }
    // A text that is turned or rotated as a whole is recognised as it is. What is encoded within is not.
    let escapes = crowds(&signs.escapes, DENSE);
    for (form, turn) in [
        (Form::Rot13, rotated as fn(&str) -> String),
        (Form::Reversed, |text| text.chars().rev().collect()),
    ] {
        if let Some(text) = parts(text, &packed) {
            radix::base64(&turn(&text), &mut |text| {
                put(&[form, Form::Base64], text, Kind::Open);
            });
        }
        if let Some(text) = parts(text, &numbers) {
            radix::hex(&turn(&text), &mut 0, &mut |text| {
                put(&[form, Form::Hex], text, Kind::Open);
            });
        }
        let near = around(text, &escapes);
        if let Some((text, forms)) = near.and_then(|text| escape::resolve(&turn(&text))) {
            put(&[&[form], &forms[..]].concat(), text, Kind::Open);
        }
    }
    let near = around(text, &crowds(&signs.turned, LOOSE));
    if let Some(text) = near.and_then(|text| markup::strip(&text.chars().rev().collect::<String>()))
    {
        put(&[Form::Reversed, Form::Markup], text, Kind::Open);
    }
}

fn rotated(text: &str) -> String {
    text.chars()
        .map(|c| {
            let base = match c {
                'a'..='z' => b'a',
                'A'..='Z' => b'A',
                other => return other,
            };
            char::from(base + (c as u8 - base + 13) % 26)
        })
        .collect()
}
