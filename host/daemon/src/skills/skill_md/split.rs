//! Finds the frontmatter: what stands between a first line of `---` and the next. The private text is the rest, byte for
//! byte.

use super::SkillMdError;

/// The two parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    /// What stands between the lines, if it begins with one.
    pub(super) front: Option<&'t str>,
    /// The line on which that begins; the first is 1.
    pub(super) front_line: usize,
    /// The rest.
    pub(super) body: &'t str,
    /// The line on which the rest begins.
    pub(super) body_line: usize,
}

impl<'t> Parts<'t> {
    /// Returns a file that is private text throughout.
    pub(super) const fn without(text: &'t str) -> Self {
        Self {
            front: None,
            front_line: 1,
            body: text,
            body_line: 1,
        }
    }
}

/// Splits a file. One that begins with a line of `---` and has no second is refused: whoever wrote a tier or a schema
/// there does not expect it to be taken for prose.
pub(super) fn split(text: &str) -> Result<Parts<'_>, SkillMdError> {
    let mut at = 0;
    let mut begun: Option<(usize, usize)> = None;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let (start, end) = (at, at + line.len());
        at = end;
        let bare = line.trim_end();
        match begun {
            None if bare.is_empty() => {}
            None if bare == "---" => begun = Some((end, n + 2)),
            None => break,
            Some((from, front_line)) if matches!(bare, "---" | "...") => {
                return Ok(Parts {
                    front: text.get(from..start),
                    front_line,
                    body: text.get(end..).unwrap_or_default(),
                    body_line: n + 2,
                });
            }
            Some(_) => {}
        }
    }
    match begun {
        Some((_, front_line)) => Err(SkillMdError::Unclosed(front_line - 1)),
        None => Ok(Parts::without(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, front: Option<&str>, body: &str) {
        let parts = split(text).expect("a whole file");
        assert_eq!((parts.front, parts.body), (front, body), "{text:?}");
    }

    #[test]
    fn the_first_two_lines_of_three_hyphens_count() {
        check(
            "---\na: b\n---\nbody\n---\nmore",
            Some("a: b\n"),
            "body\n---\nmore",
        );
        check(
            "---\r\na: b\r\n--- \r\nbody\r\n",
            Some("a: b\r\n"),
            "body\r\n",
        );
        check("\n\n---\na: b\n...\nbody", Some("a: b\n"), "body");
        check("---\n---\n", Some(""), "");
        check("---\na: b\n---", Some("a: b\n"), "");
        check(
            "---\na: |\n  ---\n  x\n---\nbody",
            Some("a: |\n  ---\n  x\n"),
            "body",
        );
        for all in [
            "",
            "body",
            "body\n---\na: b\n---\n",
            "----\na: b\n----\n",
            "--- a: b\n---\n",
            " ---\na: b\n---",
        ] {
            check(all, None, all);
        }
    }

    #[test]
    fn a_frontmatter_that_does_not_end_is_refused() {
        for text in ["---", "---\na: b\n", "\n---\nmin_trust_tier: 3\n ---\nbody"] {
            assert!(
                matches!(split(text), Err(SkillMdError::Unclosed(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let parts = split("\n---\na: b\nc: d\n---\nbody").expect("a whole file");
        assert_eq!((parts.front_line, parts.body_line), (3, 6));
    }
}
