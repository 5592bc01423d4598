//! What lies around the marks of an encoding. A run that only decoding makes visible holds a mark, so the rest of the text
//! need not be looked at again: that is what keeps a look at ordinary text cheap.

/// How much is kept to both sides: the longest run that may pass, with something between its characters.
const AROUND: usize = 160;
/// So many marks together may be an encoding. Fewer are how people write.
const MARKS: usize = 8;

/// Returns what lies around parts of a text, each stretch on a line, or nothing if there are no parts. The parts are in
/// the order of the text.
pub(super) fn around(text: &str, spans: &[(usize, usize)]) -> Option<String> {
    within(text, spans, AROUND)
}

/// Returns parts of a text, each stretch on a line, or nothing if there are none.
pub(super) fn parts(text: &str, spans: &[(usize, usize)]) -> Option<String> {
    within(text, spans, 0)
}

fn within(text: &str, spans: &[(usize, usize)], more: usize) -> Option<String> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (from, to) in spans {
        let (from, to) = (from.saturating_sub(more), (to + more).min(text.len()));
        match stretches.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => stretches.push((from, to)),
        }
    }
    if stretches.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(stretches.iter().map(|(from, to)| to - from + 1).sum());
    for (mut from, mut to) in stretches {
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        while !text.is_char_boundary(to) {
            to += 1;
        }
        out.push_str(text.get(from..to).unwrap_or_default());
        out.push('\n');
    }
    Some(out)
}

/// Returns where [`MARKS`] marks stand within so many bytes.
pub(super) fn crowds(marks: &[usize], within: usize) -> Vec<(usize, usize)> {
    let ends = marks.iter().skip(MARKS - 1);
    let crowds = marks.iter().zip(ends);
    crowds
        .filter(|(first, last)| *last - *first <= within)
        .map(|(first, last)| (*first, *last))
        .collect()
}

/// Returns what lies around bytes of one kind, as [`around`] does.
pub(super) fn around_bytes(text: &str, is_mark: impl Fn(u8) -> bool) -> Option<String> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        if !is_mark(byte) {
            continue;
        }
        match spans.last_mut() {
            Some(last) if at - last.1 <= 2 * AROUND => last.1 = at,
            _ => spans.push((at, at)),
        }
    }
    around(text, &spans)
}

/// Returns places as parts of no length, in the order of the text.
pub(super) fn points(places: &[usize]) -> Vec<(usize, usize)> {
    places.iter().map(|at| (*at, *at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_around_is_kept_and_the_rest_is_not() {
        let text = format!("{}é*é{}", "a".repeat(1_000), "b".repeat(1_000));
        let star = text.find('*').expect("a star");
        let near = around(&text, &[(star, star)]).expect("a stretch");
        assert!(near.starts_with('a') && near.ends_with("b\n") && near.contains("é*é"));
        assert!(
            (2 * AROUND..2 * AROUND + 8).contains(&near.len()),
            "{}",
            near.len()
        );
        assert_eq!(around(&text, &[]), None);
        assert_eq!(
            around("short", &[(0, 2), (4, 5)]).as_deref(),
            Some("short\n")
        );
    }

    #[test]
    fn marks_crowd_or_stand_alone() {
        let close: Vec<usize> = (0..9).map(|n| n * 3).collect();
        assert_eq!(crowds(&close, 30), [(0, 21), (3, 24)]);
        let apart: Vec<usize> = (0..9).map(|n| n * 300).collect();
        assert!(crowds(&apart, 400).is_empty());
        assert!(crowds(&close[..7], 400).is_empty());
    }
}
