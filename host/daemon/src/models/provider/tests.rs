use super::*;

fn provider(text: &str) -> Provider {
    let config: ProviderConfig = toml::from_str(text).expect("a section");
    Provider::new("mine", &config, Path::new("/nowhere"), |_| None).expect("a kind")
}

#[track_caller]
fn goes_to(text: &str, path: &str, expected: &str) {
    let url = provider(text).url(path).expect("an address");
    assert_eq!(url.as_str(), expected);
}

#[test]
fn a_base_may_end_as_people_write_it() {
    let chat = "chat/completions";
    goes_to(
        "kind = \"openai\"",
        chat,
        "https://api.openai.com/v1/chat/completions",
    );
    let other = "kind = \"openai\"\nbase_url = \"http://127.0.0.1:8000/v1/\"";
    goes_to(other, chat, "http://127.0.0.1:8000/v1/chat/completions");
    let messages = "v1/messages";
    goes_to(
        "kind = \"anthropic\"",
        messages,
        "https://api.anthropic.com/v1/messages",
    );
    for base in [
        "http://127.0.0.1:4000",
        "http://127.0.0.1:4000/",
        "http://127.0.0.1:4000/v1",
    ] {
        let text = format!("kind = \"anthropic\"\nbase_url = \"{base}\"");
        goes_to(&text, messages, "http://127.0.0.1:4000/v1/messages");
    }
}

#[test]
fn a_cost_is_known_where_both_prices_are() {
    assert_eq!(
        provider("kind = \"openai\"\nprice_in = 1.0").cost(1, 1),
        None
    );
    let priced = provider("kind = \"openai\"\nprice_in = 1\nprice_out = 10.0");
    assert_eq!(priced.cost(1_000_000, 100_000).map(Cost::value), Some(2.0));
}
