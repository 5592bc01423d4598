//! A code as a picture, for a camera in front of a terminal. Nothing is drawn where nobody looks, or where it would not
//! fit.

use std::io::IsTerminal;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::ui::{Colour, Ui};

impl Ui {
    /// Draws a code below the text of it, on a terminal that is wide enough.
    pub(super) fn code(&self, text: &str) {
        if self.json || !std::io::stdout().is_terminal() {
            return;
        }
        let width = rustix::termios::tcgetwinsize(std::io::stdout())
            .map_or(80, |size| usize::from(size.ws_col));
        for line in picture(text, width, self.has_colour()) {
            self.line(&self.paint(Colour::Paper, &line));
        }
    }
}

/// Returns the lines of a code, or none if it is wider than `width` columns. Cameras want dark on light: with colours
/// that is what is drawn, without them light on dark, as most terminals are.
fn picture(text: &str, width: usize, coloured: bool) -> Vec<String> {
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
    let lines: Vec<String> = drawn.lines().map(str::to_owned).collect();
    if lines.iter().any(|line| line.chars().count() > width) {
        return Vec::new();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fits_or_is_not_drawn() {
        let lines = picture("eyJuIjoibXktYm90In0=", 80, true);
        let width = lines.first().map_or(0, |line| line.chars().count());
        assert!(width >= 29 && lines.iter().all(|line| line.chars().count() == width));
        assert!(picture("eyJuIjoibXktYm90In0=", width - 1, true).is_empty());
        assert!(picture(&"x".repeat(10_000), 1_000, true).is_empty());
    }

    #[test]
    fn without_colours_light_is_drawn() {
        let (paper, ink) = (picture("a", 80, true), picture("a", 80, false));
        let first = |lines: &[String]| lines.first().and_then(|line| line.chars().next());
        assert_eq!((first(&paper), first(&ink)), (Some(' '), Some('█')));
    }
}
