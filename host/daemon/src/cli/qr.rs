//! A code as a picture, for a camera in front of a terminal. Nothing is drawn where nobody looks or where it would not fit.

use std::io::IsTerminal;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::ui::{Colour, Ui};

impl Ui {
    /// Draws a code below the text of it, on a terminal that is wide enough; on another one it says how wide it would be.
    pub(super) fn code(&self, text: &str) {
        if self.json || !std::io::stdout().is_terminal() {
            return;
        }
        let width = rustix::termios::tcgetwinsize(std::io::stdout())
            .map(|size| usize::from(size.ws_col))
            .ok()
            // A terminal that does not know its size says 0.
            .filter(|columns| *columns > 0)
            .unwrap_or(80);
        let lines = picture(text, self.has_colour());
        match columns(&lines) {
            0 => {}
            needed if needed > width => self.advise(&format!(
                "as a picture for a camera it is {needed} columns wide, and this terminal has {width}: widen it before you \
                 make a code, or send the text"
            )),
            _ => {
                for line in lines {
                    self.line(&self.paint(Colour::Paper, &line));
                }
            }
        }
    }
}

/// Returns the lines of a code, or none if there is too much in it for one. Cameras want dark on light: with colours that
/// is what is drawn, without them light on dark, as most terminals are.
fn picture(text: &str, coloured: bool) -> Vec<String> {
    // A screen is clean: the least correction makes the smallest picture.
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
        return Vec::new();
    };
    let (dark, light) = if coloured {
        (Dense1x2::Dark, Dense1x2::Light)
    } else {
        (Dense1x2::Light, Dense1x2::Dark)
    };
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .build();
    drawn.lines().map(str::to_owned).collect()
}

/// Returns how wide a picture is. A line that is broken by the edge of a terminal is no picture any more.
fn columns(lines: &[String]) -> usize {
    let wide = |line: &String| line.chars().count();
    lines.iter().map(wide).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_wide_as_its_text_needs() {
        let (short, long) = (
            picture("eyJuIjoibXktYm90In0=", true),
            picture(&"x".repeat(600), true),
        );
        let width = columns(&short);
        assert!(width >= 29 && short.iter().all(|line| line.chars().count() == width));
        assert!(columns(&long) > 80, "{}", columns(&long));
        assert_eq!(columns(&picture(&"x".repeat(10_000), true)), 0);
    }

    #[test]
    fn without_colours_light_is_drawn() {
        let (paper, ink) = (picture("a", true), picture("a", false));
        let first = |lines: &[String]| lines.first().and_then(|line| line.chars().next());
        assert_eq!((first(&paper), first(&ink)), (Some(' '), Some('█')));
    }
}
