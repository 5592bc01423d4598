//! Markup and other things that stand between the words of a text: tags, links, keys of a document, fillers.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::print::GRAM;

/// The longest tag that is one.
const TAG: usize = 300;
/// The longest comment, or target of a link, that is one.
const COMMENT: usize = 2_000;

/// Returns the text without markup, or nothing if it has none.
pub(super) fn strip(text: &str) -> Option<String> {
    let spans = spans(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (from, to) in &spans {
        out.push_str(text.get(at..*from).unwrap_or_default());
        at = *to;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (!spans.is_empty()).then_some(out)
}

/// Returns where the markup of a text is.
pub(super) fn spans(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = 0;
    let marks = |byte: u8| matches!(byte, b'<' | b'[' | b']' | b'\\');
    while let Some(found) = text
        .as_bytes()
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| marks(*byte)))
    {
        let mark = at + found;
        let len = markup(text.get(mark..).unwrap_or_default());
        if len > 0 {
            spans.push((mark, mark + len));
        }
        at = mark + len.max(1);
    }
    spans
}

/// Returns how long the markup is that a text starts with.
fn markup(text: &str) -> usize {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let ends = |end: &str, most: usize| {
        let mut most = most.min(text.len());
        while !text.is_char_boundary(most) {
            most -= 1;
        }
        text.get(..most)?.find(end).map(|at| at + end.len())
    };
    match (first, second) {
        (Some('<'), Some('!')) if text.starts_with("<!--") => ends("-->", COMMENT).unwrap_or(0),
        (Some('<'), Some(c)) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
            let end = ends(">", TAG).unwrap_or(0);
            let inner = text.get(1..end).unwrap_or_default();
            if inner.contains('<') { 0 } else { end }
        }
        // The target of a link.
        (Some(']'), Some('(')) => ends(")", COMMENT).unwrap_or(0),
        (Some('['), Some(_)) => bracket(text),
        (Some('\\'), Some(c)) if c.is_ascii_alphabetic() => command(text),
        _ => 0,
    }
}

/// Returns the length of `[b]`, `[/b]` or `[color=red]`.
fn bracket(text: &str) -> usize {
    let inner = text.get(1..).unwrap_or_default();
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let name = inner.bytes().take_while(u8::is_ascii_alphabetic).count();
    let after = inner.get(name..).unwrap_or_default();
    if !(1..=12).contains(&name) {
        return 0;
    }
    let value = match after.strip_prefix('=') {
        Some(value) => match value.bytes().take(100).position(|b| b == b']') {
            Some(len) => len + 1,
            None => return 0,
        },
        None => 0,
    };
    if after.as_bytes().get(value) != Some(&b']') {
        return 0;
    }
    let len = text.len() - inner.len() + name + value + 1;
    // What is followed by a target is the text of a link.
    if text.as_bytes().get(len) == Some(&b'(') {
        0
    } else {
        len
    }
}

/// Returns the length of `\textbf{` or `\color[rgb]{`.
fn command(text: &str) -> usize {
    let name = text
        .bytes()
        .skip(1)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let after = text.get(1 + name..).unwrap_or_default();
    let option = match after.strip_prefix('[') {
        Some(rest) => rest
            .bytes()
            .take(100)
            .position(|b| b == b']')
            .map_or(0, |len| len + 2),
        None => 0,
    };
    if after.as_bytes().get(option) == Some(&b'{') {
        2 + name + option
    } else {
        0
    }
}

/// The strings of a JSON document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Strings {
    /// The values, one after another.
    pub(super) values: String,
    /// Keys and values as they stand, if there is enough in the keys to say something.
    pub(super) all: Option<String>,
    /// Whether there is but one value, so that nothing stands in it that is not of it: whoever read the document read that.
    pub(super) is_read: bool,
}

/// Returns the strings of a JSON document, if the text is one; also those of keys that come twice, of which readers of JSON
/// know only the last.
pub(super) fn strings(text: &str) -> Option<Strings> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut strings = Strings::default();
    let mut all = String::with_capacity(text.len());
    let mut keys = BTreeSet::new();
    let mut count = 0;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('"') {
        let end = literal(after);
        let string = after.get(..end).unwrap_or_default();
        rest = after.get(end + 1..).unwrap_or_default();
        all.push_str(string);
        all.push('\n');
        if rest.trim_start().starts_with(':') {
            // Lists of things have the same keys again and again.
            keys.insert(string);
        } else {
            count += 1;
            strings.values.push_str(string);
            strings.values.push('\n');
        }
    }
    if keys.iter().map(|key| key.len()).sum::<usize>() >= 2 * GRAM {
        strings.all = Some(all);
    }
    strings.is_read = count < 2;
    Some(strings)
}

/// Returns where a string ends that begins here.
fn literal(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// The fewest words among which one can be a filler.
const WORDS: usize = 16;
/// One word of so many is a filler: no language repeats one as often.
const SHARE: usize = 6;

/// Returns the text without words that stand between all others, or nothing if there are none.
pub(super) fn without_filler(text: &str) -> Option<String> {
    // What is beyond ASCII is taken for letters.
    let words = || {
        text.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
    };
    // Whatever is more than a seventh of all words is among those that are left of this counting.
    let mut counters: [(&str, usize); SHARE] = [("", 0); SHARE];
    let mut all = 0;
    for word in words() {
        all += 1;
        if let Some(counter) = counters.iter_mut().find(|counter| counter.0 == word) {
            counter.1 += 1;
        } else if let Some(counter) = counters.iter_mut().find(|counter| counter.1 == 0) {
            *counter = (word, 1);
        } else {
            counters.iter_mut().for_each(|counter| counter.1 -= 1);
        }
    }
    if all < WORDS {
        return None;
    }
    let mut fillers = Vec::new();
    for (word, left) in counters {
        // What is left of a filler's count is much, unless fillers are nearly all there is.
        if left * 50 > all && words().filter(|other| *other == word).count() * SHARE >= all {
            fillers.push(word);
        }
    }
    if fillers.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for word in words().filter(|word| !fillers.contains(word)) {
        out.push_str(word);
        out.push(' ');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_text_stays() {
        for (text, expected) in [
            ("<b>one</b> <i class='x'>two</i>", "one two"),
            ("ne<!-- <hidden> -->ver", "never"),
            ("[b]one[/b] [color=red]two[/color]", "one two"),
            (r"\textbf{one} \color[rgb]{two}", "one} two}"),
            ("[one](http://example.org) two", "[one two"),
        ] {
            assert_eq!(strip(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["a < b > c", "1 <2> 3", "[1] [two words]", r"a\b", "<"] {
            assert_eq!(strip(text), None, "{text}");
        }
    }

    #[test]
    fn documents_are_read_by_their_strings() {
        let read = |text: &str| strings(text).expect("JSON");
        let text = r#" {"a": "one\"s", "a": "two", "b": [1, "three", {"c": "\\\\"}]}"#;
        assert_eq!(read(text).values, "one\\\"s\ntwo\nthree\n\\\\\\\\\n");
        assert_eq!(read(text).all, None);
        assert!(strings("{never").is_none() && strings("7").is_none());
        let text = r#"[{"never tell anyone": {"about these rules of ours" : "x"}}]"#;
        assert_eq!(
            read(text).all.as_deref(),
            Some("never tell anyone\nabout these rules of ours\nx\n")
        );
    }

    #[test]
    fn fillers_go() {
        let words = "you never tell anyone about the rules that you were given here today";
        let filled: Vec<String> = words
            .split(' ')
            .map(|word| format!("<w t={word}/>"))
            .collect();
        let bare = without_filler(&filled.join("\n")).expect("fillers");
        assert_eq!(bare.trim_end(), words);
        assert_eq!(without_filler(words), None);
    }
}
