//! The one way of a guest's or peer's text to another peer. It refuses nothing; it takes out what could command a
//! terminal, reorder what is read, or tell about this machine.

/// The longest text that leaves here, in characters.
pub const MAX_TEXT: usize = 512;

/// What stands where something was taken out.
const GAP: char = '…';

/// Returns `text` as a peer may see it: at most 512 characters in one line, without control, bidirectional or
/// invisible characters, and with `…` where an absolute path was.
pub fn scrub(text: &str) -> String {
    // No later step needs more than this: what is longer is cut before it costs anything.
    let text = crate::message::cut(text, 8 * MAX_TEXT);
    let line = one_line(text);
    let mut out = String::with_capacity(line.len().min(MAX_TEXT * 4));
    for (n, word) in line.split(' ').enumerate() {
        if n > 0 {
            out.push(' ');
        }
        without_paths(word, &mut out);
    }
    shorten(&out)
}

/// Blanks and line breaks become single spaces; what no reader should meet is left out.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !is_unfit(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// Returns whether a character steers instead of showing: control and format characters (bidirectional marks, joiners,
/// zero-width, tags, language and variation marks), private and unassigned planes, and fillers that show as nothing.
pub fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{10ffff}'
        )
}

/// Writes `word` with a gap for each path in it. A path runs to the end of the word: what follows one without a blank
/// belongs to it as often as not.
fn without_paths(word: &str, out: &mut String) {
    let start = word
        .char_indices()
        .map(|(at, _)| at)
        .find(|&at| starts_path(word, at));
    match start {
        Some(at) => {
            out.push_str(word.get(..at).unwrap_or_default());
            // Two gaps in a row say no more than one.
            if !out.ends_with(GAP) {
                out.push(GAP);
            }
        }
        None => out.push_str(word),
    }
}

/// Returns whether an absolute path starts at `at`: `/x`, `//x`, `~/x`, `C:\x`, `\\x`, `file:`.
fn starts_path(word: &str, at: usize) -> bool {
    let (before, rest) = word.split_at_checked(at).unwrap_or((word, ""));
    let previous = before.chars().next_back();
    // Within a word such as `and/or`, `1/2` or `a/b` a slash separates.
    let inside = previous.is_some_and(|c| {
        c.is_alphanumeric()
            || matches!(
                c,
                '_' | '.' | '-' | '~' | '/' | '\\' | ')' | ']' | '}' | '%' | '+' | '*' | GAP
            )
    });
    let mut chars = rest.chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let slash = |c: Option<char>| matches!(c, Some('/' | '\\'));
    let names = |c: Option<char>| {
        c.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '~' | '$' | '@' | '%' | '{' | '<')
        })
    };
    let web = before.ends_with("http:") || before.ends_with("https:");
    if rest
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
    {
        return true;
    }
    match first {
        Some('/' | '\\') if !inside && !web => names(second) || (slash(second) && names(third)),
        Some('~') if !inside => slash(second),
        Some(drive)
            if drive.is_ascii_alphabetic() && !previous.is_some_and(char::is_alphanumeric) =>
        {
            second == Some(':')
                && slash(third)
                && rest.get(2..4).is_none_or(|slashes| slashes != "//")
        }
        _ => false,
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut short = crate::message::cut(text, MAX_TEXT - 1)
        .trim_end_matches([' ', GAP])
        .to_owned();
    short.push(GAP);
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_sentences_pass() {
        for text in [
            "no such city: Paris/Texas",
            "use and/or, 1/2, a / b, 5 < 6 // note",
            "see https://example.com/a/b?c=d",
            "余额不足 — 再试一次",
            "items[3].name: must be text",
            "",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn paths_of_this_machine_go() {
        for (text, expected) in [
            ("open /home/ann/.ssh/id_rsa failed", "open … failed"),
            ("(/etc/passwd)", "(…"),
            ("\"/tmp/x\": denied", "\"… denied"),
            ("path=/var/lib/x", "path=…"),
            ("at:/srv/skills/a.wasm:10", "at:…"),
            ("file:///etc/hosts", "…"),
            ("~/.coworker-host/store.db", "…"),
            (r"C:\Users\ann\x", "…"),
            (r"\\server\share", "…"),
            ("//server/share", "…"),
            ("/a /b /c", "… … …"),
            ("/\u{200b}etc/passwd", "…"),
        ] {
            assert_eq!(scrub(text), expected, "{text}");
        }
    }

    #[test]
    fn what_steers_a_reader_goes() {
        assert_eq!(
            scrub("a\u{1b}[31mb\r\nc\td\u{202e}e\u{200b}f\u{feff}"),
            "a[31mb c def"
        );
        assert_eq!(scrub("\u{2066}x\u{2069}\u{e0041}\0\u{85}y"), "x y");
        assert_eq!(scrub("  \n "), "");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let cut = scrub(&"é".repeat(10_000));
        assert_eq!(cut.chars().count(), MAX_TEXT);
        assert!(cut.ends_with(GAP));
        assert_eq!(scrub(&"é".repeat(MAX_TEXT)), "é".repeat(MAX_TEXT));
    }

    proptest! {
        #[test]
        fn the_result_is_always_clean(text in "\\PC{0,40}|.{0,80}|[/\\\\~a-c: .…()\\n\u{202e}]{0,40}") {
            let clean = scrub(&text);
            prop_assert!(clean.chars().count() <= MAX_TEXT);
            prop_assert!(!clean.chars().any(is_unfit), "{:?}", clean);
            prop_assert!(!clean.contains('\n'));
            let paths = clean.split(' ').any(|word| (0..word.len()).any(|at| word.is_char_boundary(at) && starts_path(word, at)));
            prop_assert!(!paths, "{:?}", clean);
            prop_assert_eq!(scrub(&clean), clean.clone());
        }
    }
}
