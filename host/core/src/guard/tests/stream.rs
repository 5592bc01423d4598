//! Texts on their way in pieces: nothing that a whole answer may not hold is out before it is held back.

use super::forms::{self, SCRIPTS};
use super::*;

/// Streams a text in pieces of some size, and returns how much of it went on before it was held back, if it was.
fn released(index: &Index, text: &str, size: usize) -> (usize, bool) {
    let mut window = Window::default();
    let mut out = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = size.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        if window.push(piece) {
            if index.inspect(window.text(), "").leak.is_some() {
                return (out, true);
            }
            out += window.release(false).len();
        }
    }
    if index.inspect(window.text(), "").leak.is_some() {
        return (out, true);
    }
    (out + window.release(true).len(), false)
}

#[test]
fn no_form_streams_more_than_a_whole_answer_may_hold() {
    let mut wrong = Vec::new();
    for (script, text) in SCRIPTS {
        let index = index(&[(script, text)]);
        let part = passage(text, 0, 170);
        // The least that is a leak, and some more: a form that takes words one by one is not seen through within one.
        let least = passage(text, 0, LONGEST + 24);
        let other = SCRIPTS
            .iter()
            .find(|(other, _)| *other != script)
            .map_or("", |(_, text)| text);
        let forms = forms::all().chain(&KINDS).chain(&VARIANTS).enumerate();
        for (n, form) in forms {
            let is_hidden = form.name == "invisible tags" && script != "Latin";
            if is_hidden || super::scripts::PASSES.contains(&(form.name, script)) {
                continue;
            }
            let dressed = (form.put_on)(part);
            let most = (form.put_on)(least).len();
            // Each form in one of the ways, another one in the next script.
            let ways = [("", 7), ("", 300), (other, 64)];
            let (before, size) = ways[(n + script.len()) % ways.len()];
            let (out, held) = released(&index, &format!("{before}{dressed}"), size);
            if !held || out > before.len() + most {
                wrong.push(format!(
                    "{script}, {} in pieces of {size}: {out} of {}, {most} at most, held: {held}",
                    form.name,
                    dressed.len()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}
