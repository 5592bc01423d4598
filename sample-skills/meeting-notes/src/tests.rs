use coworker_skill::{llm, testing};

use super::*;

const TRANSCRIPT: &str = "[00:01] Ann: The printer in the hall is broken again.\n00:05 Bob: I will call the repair shop\n  tomorrow morning.\n\n[00:09] Ann: Then nothing else.\n";

fn model(answer: &'static str) {
    testing::set_model(move |_| Ok(answer.to_owned()));
}

#[test]
fn a_transcript_is_cleaned_before_it_is_asked_about() {
    testing::set_model(|request| {
        assert_eq!(
            request.variables["transcript"],
            "Ann: The printer in the hall is broken again.\nBob: I will call the repair shop tomorrow morning.\nAnn: Then nothing else."
        );
        assert_eq!(
            request.variables["speakers"],
            serde_json_list(&["Ann", "Bob"])
        );
        assert_eq!(request.slot, "skill");
        Err(llm::Error::Unavailable)
    });
    let error = meeting_notes(TRANSCRIPT).err();
    assert_eq!(error, Some(failed("no model can be reached now")));
}

fn serde_json_list(names: &[&str]) -> coworker_skill::serde_json::Value {
    coworker_skill::serde_json::json!(names)
}

#[test]
fn what_was_not_said_is_left_out() {
    model(
        r#"{"summary": " The printer is broken. ", "tasks": [
            {"what": "Call the repair shop", "who": "bob"},
            {"what": "Buy seventeen elephants", "who": "Ann"},
            {"what": "Repair the printer", "who": "Zoe"}]}"#,
    );
    let notes = meeting_notes(TRANSCRIPT).expect("notes");
    assert_eq!(notes.summary, "The printer is broken.");
    let tasks: Vec<_> = notes
        .tasks
        .iter()
        .map(|task| (task.what.as_str(), task.who.as_deref()))
        .collect();
    assert_eq!(
        tasks,
        [
            ("Call the repair shop", Some("bob")),
            ("Repair the printer", None)
        ]
    );
    assert_eq!(notes.left_out, 1);
}

#[test]
fn nothing_is_asked_about_nothing() {
    testing::set_model(|_| panic!("asked"));
    for transcript in ["", "Ann: Hello.\n", "[00:01]\n[00:02]\n"] {
        assert!(matches!(
            meeting_notes(transcript),
            Err(Failure::InvalidInput(_))
        ));
    }
}
