use super::*;
use coworker_skill::testing;
use serde_json::json;

const TEXT: &str = "Bees are insects. A honey bee colony has one queen bee. Dr. Smith paid 3.5 dollars. \
    The queen bee lays every egg of the bee colony! My shoes are blue.";

#[test]
fn sentences_survive_numbers() {
    let found = sentences(TEXT);
    assert_eq!(found.len(), 6, "{found:?}"); // "Dr." is the price of having no dictionary
    assert!(found.contains(&"Smith paid 3.5 dollars."));
    assert_eq!(sentences("你好。我很好。").len(), 2);
    assert_eq!(sentences("He said \"go!\" and left.").len(), 1);
}

#[test]
fn a_summary_keeps_the_telling_sentences_in_order() {
    let short = summarize(TEXT, Some(2)).unwrap().summary;
    assert_eq!(
        short,
        "A honey bee colony has one queen bee. The queen bee lays every egg of the bee colony!"
    );
    assert!(summarize(" … ", None).is_err());
    assert_eq!(
        summarize("Only one.", Some(5)).unwrap().summary,
        "Only one."
    );
}

#[test]
fn counts() {
    let counts = word_count("It's 3 o'clock,\nsays 小明.\n");
    assert_eq!((counts.words, counts.chars, counts.lines), (6, 25, 2));
    assert_eq!(word_count("").words, 0);
}

#[test]
fn easy_text_reads_easier_than_hard_text() {
    let easy = readability("The cat sat on the mat. It was warm.").unwrap();
    let hard = readability(
        "Institutional considerations necessitate comprehensive administrative reorganisation.",
    )
    .unwrap();
    assert!(
        easy.reading_ease > 90.0 && hard.reading_ease < 0.0,
        "{} {}",
        easy.reading_ease,
        hard.reading_ease
    );
    assert!(easy.grade < hard.grade);
}

#[test]
fn a_caller_sees_three_skills_with_schemas() {
    let names: Vec<_> = testing::describe()
        .into_iter()
        .map(|skill| skill.name)
        .collect();
    assert_eq!(names, ["readability", "summarize", "word-count"]);
    let output = testing::invoke("word-count", &json!({"text": "one two"})).unwrap();
    assert_eq!(output, json!({"words": 2, "chars": 7, "lines": 1}));
}
