//! A stream behind its guard: pieces go on only when what comes after them was looked at too, so that nothing of a long run
//! is on its way before the run is recognised.

/// How many bytes wait for what follows them: a run of 40 characters fits in any encoding that is seen through.
const HELD: usize = 512;
/// How many new bytes are worth a look. It grows with the text, or a long one would be looked at too often.
const STEP: usize = 256;

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
            self.text.len().saturating_sub(HELD).max(self.released)
        };
        while !self.text.is_char_boundary(until) {
            until -= 1;
        }
        let piece = self.text.get(self.released..until).unwrap_or_default();
        let piece = piece.to_owned();
        self.released = until;
        piece
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
}
