//! What the attributes make of functions, seen as a host sees it.

use coworker_skill::prelude::*;
use coworker_skill::{Tier, testing};
use serde_json::json;

#[data]
#[derive(Debug, PartialEq)]
struct Greeting {
    /// The words.
    text: String,
}

/// Greets
/// somebody.
///
/// Twice, if need be.
#[skill(
    category = "compute",
    when_to_use = "Somebody arrives",
    version = "1.2.0"
)]
fn say_hello(
    /// Whom to greet.
    name: &str,
    /// How often.
    #[schemars(range(min = 1, max = 3))]
    times: Option<u8>,
) -> Result<Greeting> {
    if name.is_empty() {
        return Err(invalid("`name` is empty"));
    }
    log::info(format_args!("greeting {name}"));
    progress::done(0.5, "half way");
    Ok(Greeting {
        text: vec![format!("Hello, {name}."); times.unwrap_or(1).into()].join(" "),
    })
}

/// Says that it is there.
#[skill(name = "ping", min_tier = "untrusted")]
fn answer_ping() -> bool {
    true
}

/// Counts its calls.
#[skill(min_tier = "privileged")]
fn count() -> Result<u32, state::Error> {
    let next = state::load::<u32>("calls")?.unwrap_or(0) + 1;
    state::put("calls", &next)?;
    Ok(next)
}

/// Asks a model.
#[skill]
fn rephrase(text: String) -> Result<String> {
    let pieces = llm::ask("skill").with("text", text).stream()?;
    Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
}

#[test]
fn the_function_stays_a_function() {
    assert_eq!(say_hello("Ada", None).unwrap().text, "Hello, Ada.");
    assert!(answer_ping());
}

#[test]
fn the_card_is_written_from_the_function() {
    let all = testing::describe();
    let names: Vec<_> = all.iter().map(|skill| skill.name.as_str()).collect();
    assert_eq!(names, ["count", "ping", "rephrase", "say-hello"]);
    let hello = &all[3];
    assert_eq!(hello.description, "Greets somebody.\n\nTwice, if need be.");
    assert_eq!(
        (hello.min_tier, all[1].min_tier),
        (Tier::Known, Tier::Untrusted)
    );
    assert_eq!(
        hello.input,
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "description": "Whom to greet."},
                "times": {
                    "type": ["integer", "null"], "format": "uint8", "minimum": 1, "maximum": 3,
                    "description": "How often."
                },
            },
        })
    );
    assert_eq!(
        hello.output["properties"]["text"]["description"],
        "The words."
    );
    assert_eq!(
        all[1].input,
        json!({"type": "object", "additionalProperties": false})
    );
}

#[test]
fn a_call_is_json_in_and_json_out() {
    let output = testing::invoke("say-hello", &json!({"name": "Ada", "times": 2})).unwrap();
    assert_eq!(output, json!({"text": "Hello, Ada. Hello, Ada."}));
    assert_eq!(testing::take_log(), ["info: greeting Ada"]);
    assert_eq!(
        testing::take_progress(),
        [(Some(0.5), "half way".to_owned())]
    );
}

#[test]
fn unusable_input_is_the_callers_mistake() {
    for input in [
        json!({}),
        json!({"name": "Ada", "more": 1}),
        json!({"name": ""}),
        json!([]),
    ] {
        let failure = testing::invoke("say-hello", &input).unwrap_err();
        assert!(
            matches!(failure, Failure::InvalidInput(_)),
            "{input}: {failure}"
        );
    }
    assert!(matches!(
        testing::invoke("absent", &json!({})),
        Err(Failure::Failed(_))
    ));
}

#[test]
fn state_is_kept_on_a_thread_and_can_be_cleared() {
    assert_eq!((count().unwrap(), count().unwrap()), (1, 2));
    assert_eq!(state::list("ca").unwrap(), ["calls"]);
    assert_eq!(state::set("", "x"), Err(state::Error::Invalid));
    testing::clear_state();
    assert_eq!(count().unwrap(), 1);
}

#[test]
fn a_model_is_a_double_too() {
    assert_eq!(
        rephrase("x".into()),
        Err(failed("no model is set up for this"))
    );
    testing::set_model(|request| Ok(format!("you said {}", request.variables["text"])));
    assert_eq!(
        rephrase("hi there".into()).unwrap(),
        "you said \"hi there\""
    );
}
