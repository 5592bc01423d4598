//! The skill {{name}}.

use coworker_skill::prelude::*;

/// What callers get back.
#[data]
struct Greeting {
    /// The greeting.
    text: String,
}

/// Greets somebody by name.
#[skill(name = "{{name}}", category = "compute", version = "0.1.0", when_to_use = "Somebody is to be greeted")]
fn greet(
    /// Whom to greet.
    name: &str,
    /// How often (default once).
    #[schemars(range(min = 1, max = 5))]
    times: Option<u8>,
) -> Result<Greeting> {
    if name.trim().is_empty() {
        return Err(invalid("`name` is empty"));
    }
    log::info(format_args!("greeting {name}"));
    Ok(Greeting { text: vec![format!("Hello, {name}!"); times.unwrap_or(1).into()].join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use coworker_skill::testing;
    use serde_json::json;

    #[test]
    fn it_greets() {
        assert_eq!(greet("Ada", Some(2)).unwrap().text, "Hello, Ada! Hello, Ada!");
        assert!(greet(" ", None).is_err());
    }

    #[test]
    fn a_host_can_call_it() {
        let output = testing::invoke("{{name}}", &json!({"name": "Ada"})).unwrap();
        assert_eq!(output, json!({"text": "Hello, Ada!"}));
    }
}
