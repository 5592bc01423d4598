//! The sample components around a model, in Rust and in Python, just as they are built: all of their memory is searched from
//! outside whenever they wait and once they have ended, and so is what crossed each of their imports.

use super::memory::{Searching, Seen, Sought};
use super::*;
use crate::support::sample;

/// All guests of this process are searched: where tests share one, what one of them plants must not be another's to find.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A sample, what it is asked, and what a model says that it can use.
struct Sample {
    name: &'static str,
    /// The field of its input, and the text that is in it.
    field: &'static str,
    text: &'static str,
    /// TOML, with a hole for a text of the model's.
    answer: &'static str,
    /// What shows in its output that it got that answer.
    shows: &'static str,
    /// Something of its input that it hands to the model.
    asks: &'static str,
}

const NOTES: Sample = Sample {
    name: "meeting-notes",
    field: "transcript",
    text: "Ann: The printer in the hall is broken.\nBob: I call the repair shop tomorrow morning.\n",
    answer: "json = { summary = \"The printer is broken. TEXT\", tasks = [] }",
    shows: "The printer is broken.",
    asks: "repair shop",
};

const MAIL: Sample = Sample {
    name: "mail-desk",
    field: "mail",
    text: "Dear workshop, my brake is loose since the last visit: call +49 30 1234567, please.",
    answer: "json = { category = \"complaint\", urgent = true, reply = \"We call today. TEXT\" }",
    shows: "We call today.",
    asks: "my brake is loose",
};

/// A sample as it is built, and the text of its slot.
struct Built {
    stage: Stage,
    prompt: String,
}

impl Sample {
    fn built(&self) -> Built {
        let path = |file: &str| sample(&format!("{}/{file}", self.name));
        let read = |file: &str| std::fs::read(path(file)).expect("a sample");
        let text = String::from_utf8(read("SKILL.md")).expect("UTF-8");
        let (_, prompt) = text.rsplit_once("\n---\n").expect("a head and a text");
        Built {
            stage: Stage::new(&read("skill.wasm")),
            prompt: prompt.trim().to_owned(),
        }
    }

    /// Returns the rule of a model that says a text in the form that the sample wants.
    fn rule(&self, text: &str) -> String {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        self.answer.replace("TEXT", &text.replace('\n', " "))
    }

    /// Calls the sample, with a model that does as it is told, and searches its memory for pieces of its prompt in all forms
    /// and for those of its own input.
    fn searched(&self, built: &Built, script: &str, text: &str) -> (Called, Seen) {
        let slots = [(SKILL_SLOT, built.prompt.as_str())];
        let entry = entry(built.stage.digest, self.name, &slots);
        let sought = Sought::new(&forms(&[&built.prompt]), &[text]);
        let turn = Arc::new(Searching::new(sought));
        let script = format!("[[rule]]\n{script}\n");
        let input = json!({ self.field: text });
        let called = built.stage.call(&script, &entry, &input, turn.clone());
        let seen = turn.seen();
        // It was all of its memory, while the model was asked and at the end of its one call.
        assert!(
            seen.ends == 1 && seen.waits > 0,
            "{seen:?}: {:?}",
            called.crossed
        );
        assert!(
            seen.bytes >= called.memory && called.memory > 0,
            "{seen:?} of {}",
            called.memory
        );
        assert!(
            seen.waiting.given > 0 && seen.ended.given > 0,
            "what it was given is not found: {seen:?}"
        );
        (called, seen)
    }
}

/// Tries every so many of all that a model may say.
fn holds_nothing_of_its_prompt(sample: &Sample, every: usize) {
    let built = sample.built();
    let forms = forms(&[&built.prompt]);
    assert!(built.prompt.len() > 10 * WIDTH);
    let sought = Sought::new(&forms, &[]);
    let polite = sample.rule("");
    // It says its prompt, or a good part of it, in whatever shape it was asked for.
    let part = |form: &String| sample.rule(&form.chars().take(400).collect::<String>());
    let shaped: Vec<String> = forms.iter().map(part).collect();
    let scripts = SCRIPTS.into_iter().chain(shaped.iter().map(String::as_str));
    for script in scripts.step_by(every).chain([polite.as_str()]) {
        let (called, seen) = sample.searched(&built, script, sample.text);
        let Called {
            output, crossed, ..
        } = called;
        let private = seen.waiting.private + seen.ended.private;
        assert_eq!(private, 0, "{script}: {seen:?}");
        assert_eq!(
            output.contains(sample.shows),
            script == polite,
            "{script}: {output} {crossed:?}"
        );
        // It did ask, and what it asked was written down.
        assert!(
            crossed.iter().any(|text| text.contains(sample.asks)),
            "{script}: {crossed:?}"
        );
        for text in &crossed {
            let found = sought.count(text.as_bytes());
            assert_eq!(found.private, 0, "{script}: {text}");
        }
    }
}

/// A search that finds nothing may be none: what the guest has from its caller is found in its memory, and where it crossed.
fn holds_what_it_was_given(sample: &Sample) {
    let built = sample.built();
    let piece: String = built.prompt.chars().take(8 * WIDTH).collect();
    let text = format!("{} {piece}", sample.text.trim_end());
    let (called, seen) = sample.searched(&built, &sample.rule(""), &text);
    assert!(called.output.contains(sample.shows), "{:?}", called.crossed);
    assert!(seen.ended.private >= 4, "{seen:?}");
    let sought = Sought::new(&[piece], &[]);
    assert!(
        called
            .crossed
            .iter()
            .any(|text| sought.count(text.as_bytes()).private >= 4),
        "{:?}",
        called.crossed
    );
}

#[test]
fn the_rust_sample_never_holds_its_prompt() {
    let _alone = ONE_AT_A_TIME.lock();
    holds_nothing_of_its_prompt(&NOTES, 1);
}

#[test]
fn the_python_sample_never_holds_its_prompt() {
    let _alone = ONE_AT_A_TIME.lock();
    // Python's memory is large, and takes a while to look through.
    holds_nothing_of_its_prompt(&MAIL, 2);
}

#[test]
fn what_a_sample_was_given_is_found_in_its_memory() {
    let _alone = ONE_AT_A_TIME.lock();
    holds_what_it_was_given(&NOTES);
    holds_what_it_was_given(&MAIL);
}
