use std::path::Path;

use super::*;
use crate::config::Settings;

fn read(text: &str) -> Result<Settings, ConfigError> {
    Config::parse(Path::new("config.toml"), text, &[])
}

#[track_caller]
fn refused(text: &str, place: &str, part: &str) {
    let error = read(text).expect_err(text).to_string();
    assert!(error.contains(place) && error.contains(part), "{error}");
}

#[test]
fn a_known_name_needs_nothing_else() {
    let config = read("[llm.ollama]\nmodel = \"llama3.2\"\n[llm.mine]\nkind = \"openai\"\nbase_url = \"http://10.0.0.5:8000/v1\"\n")
        .expect("two providers")
        .config;
    let kind = |name: &str| config.llm[name].kind(name);
    assert_eq!(kind("ollama"), Some(ProviderKind::Ollama));
    assert_eq!(kind("mine"), Some(ProviderKind::Openai));
}

#[test]
fn what_cannot_be_used_is_said() {
    refused(
        "[llm.mine]\nmodel = \"x\"\n",
        "`llm.mine.kind`",
        "say what it speaks",
    );
    refused(
        "[llm.mine]\nkind = \"gopher\"\n",
        "`kind`",
        "unknown variant",
    );
    refused(
        "[llm.openai]\nbase_url = \"ftp://x\"\n",
        "`llm.openai.base_url`",
        "http",
    );
    refused(
        "[llm.openai]\nbase_url = \"https://key@x/v1\"\n",
        "`llm.openai.base_url`",
        "does not belong",
    );
    refused(
        "[llm.openai]\nkey_env = \"A\"\nkey_file = \"b\"\n",
        "`llm.openai.key_env`",
        "once",
    );
    refused("[llm.s]\nkind = \"scripted\"\n", "`llm.s.script`", "rules");
    refused(
        "[llm.openai]\nprice_in = -1.0\n",
        "`llm.openai.price_in`",
        "zero",
    );
    refused(
        "[host]\nprovider = \"nobody\"\n",
        "`host.provider`",
        "[llm.nobody]",
    );
    refused(
        "[llm.openai]\nkey = \"sk-1\"\n",
        "`llm.openai.key`",
        "there is no key",
    );
}

#[test]
fn every_key_of_every_provider_is_listed_with_its_origin() {
    let settings = read("[llm.fast]\nkind = \"groq\"\ntimeout = \"9s\"\n").expect("a provider");
    let list = settings.list();
    let of = |key: &str| list.iter().find(|setting| setting.key == key).cloned();
    assert_eq!(
        of("llm.fast.timeout").expect("listed").value.as_deref(),
        Some("\"9s\"")
    );
    assert_eq!(of("llm.fast.model").expect("listed").value, None);
    assert!(of("llm.NAME.model").is_none());
}

#[test]
fn every_kind_has_a_name_by_which_it_is_found_and_read() {
    for kind in ProviderKind::ALL {
        let name = kind.usual().name;
        assert_eq!(ProviderKind::named(name), Some(kind));
        assert_eq!(
            serde_json::to_value(kind).expect("a word"),
            serde_json::json!(name)
        );
    }
}
