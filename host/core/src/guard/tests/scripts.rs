//! Texts in every script, in every form that somebody may ask for them in.

use super::forms::{SCRIPTS, all};
use super::*;

/// Forms that a script does not have: a text without blanks has no words.
pub(super) const PASSES: [(&str, &str); 1] = [("words reversed", "Han")];

#[test]
fn every_form_is_seen_through_in_every_script() {
    let mut missed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut tried = 0;
    for (script, text) in SCRIPTS {
        let index = index(&[(script, text)]);
        let part = passage(text, text.len() / 8, 110);
        for form in all() {
            tried += 1;
            let dressed = (form.put_on)(part);
            let is_known = PASSES.contains(&(form.name, script));
            if !is_known && !is_run(&index.inspect(&dressed, "")) {
                missed.entry(form.name).or_default().push(script);
            }
        }
    }
    assert!(
        missed.is_empty(),
        "{} of {tried}: {missed:#?}",
        missed.values().map(Vec::len).sum::<usize>()
    );
}
