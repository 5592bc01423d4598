//! A stream behind its guard: pieces go on only when what comes after them was looked at too, so that nothing of a long run
//! is on its way before the run is recognised. What came so far is looked at as if it ended there, so that no decoder waits for
//! an end; what no decoder can read before its end waits itself.

/// How many bytes wait for what follows them: where marks must come together before an encoding is one, they fit in it.
const HELD: usize = 512;
/// How many new bytes are worth a look. It grows with the text, or a long one would be looked at too often.
const STEP: usize = 256;
/// A longer row of letters, digits and marks of ASCII waits for its end: it may be one word of an encoding that gives its letters
/// in another order than the text, such as Punycode.
const WORD: usize = 64;

/// The pieces of one answer.
#[derive(Debug, Default)]
pub struct Window {
    text: String,
    seen: usize,
    released: usize,
}

impl Window {
    /// Takes a piece. Returns whether it is time to inspect [`text`](Self::text).
    pub fn push(&mut self, piece: &str) -> bool {
        self.text.push_str(piece);
        self.text.len() - self.seen >= STEP.max(self.text.len() / 8)
    }

    /// Returns everything so far, from the first byte: what is packed is only recognised as a whole.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says that the text was inspected and may pass, and returns what may go on. At the `end` that is all of it.
    pub fn release(&mut self, end: bool) -> String {
        self.seen = self.text.len();
        let mut until = if end {
            self.text.len()
        } else {
            let held = self.text.len().saturating_sub(HELD);
            held.min(self.last_word()).max(self.released)
        };
        while !self.text.is_char_boundary(until) {
            until -= 1;
        }
        let piece = self.text.get(self.released..until).unwrap_or_default();
        let piece = piece.to_owned();
        self.released = until;
        piece
    }

    /// Returns where the word starts that the text ends with, if it is a long one.
    fn last_word(&self) -> usize {
        let is_inside = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
        };
        let bytes = self.text.as_bytes().iter().rev();
        let len = bytes.take_while(|byte| is_inside(byte)).count();
        let len = if len > WORD { len } else { 0 };
        self.text.len() - len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_was_looked_at_with_what_follows() {
        let mut window = Window::default();
        let mut out = String::new();
        let text = "é and more, ".repeat(1_000);
        let mut looks = 0;
        for piece in text.split_inclusive(' ') {
            if window.push(piece) {
                looks += 1;
                out.push_str(&window.release(false));
                assert!(out.is_empty() || out.len() + HELD <= window.text().len());
            }
        }
        out.push_str(&window.release(true));
        assert_eq!(out, text);
        assert!(looks < 60, "{looks}");
        assert_eq!(window.release(true), "");
    }

    #[test]
    fn a_word_that_may_need_its_end_waits_for_it() {
        let mut window = Window::default();
        window.push("Well: ");
        window.push(&"a1-b".repeat(1_000));
        assert_eq!(window.release(false), "Well: ");
        window.push(&"c".repeat(1_000));
        assert_eq!(window.release(false), "");
        window.push(&format!(" {}", "and so on ".repeat(100)));
        assert!(window.release(false).len() > 5_000);
    }
}
