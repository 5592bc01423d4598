//! Markup: tags, comments, links, commands.

/// The longest tag that is one.
const TAG: usize = 4_000;
/// The longest target of a link.
const TARGET: usize = 2_000;

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
    // Where no comment ends any more, no other one does.
    let mut is_open = false;
    let marks = |byte: u8| matches!(byte, b'<' | b'[' | b']' | b'\\');
    while let Some(found) = text
        .as_bytes()
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| marks(*byte)))
    {
        let mark = at + found;
        let rest = text.get(mark..).unwrap_or_default();
        let len = if rest.starts_with("<!--") {
            let end = if is_open { None } else { rest.find("-->") };
            is_open |= end.is_none();
            end.map_or(0, |end| end + 3)
        } else {
            markup(rest)
        };
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
        (Some('<'), Some(c)) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
            // A tag ends before the next one begins, so that many that never end cost no more than one.
            let rest = text.get(1..).unwrap_or_default();
            let end = rest
                .as_bytes()
                .iter()
                .take(TAG)
                .position(|byte| matches!(byte, b'<' | b'>'));
            let end = end.filter(|end| rest.as_bytes().get(*end) == Some(&b'>'));
            end.map_or(0, |end| end + 2)
        }
        // The target of a link.
        (Some(']'), Some('(')) => ends(")", TARGET).unwrap_or(0),
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
}
