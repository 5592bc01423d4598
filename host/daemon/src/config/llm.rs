//! Who answers for models: `[llm.NAME]`. Keys are named here, never written: a file that is shown, copied and committed
//! is no place for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use coworker_core::Span;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// `[llm]`: providers by name.
pub type LlmConfig = BTreeMap<String, ProviderConfig>;

/// `[llm.NAME]`. What is absent is what is usual for the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks; absent means the kind that has the provider's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProviderKind>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The model where a skill names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The variable of the environment that holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The command that prints the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_command: Option<String>,
    /// How long to wait for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// The most tokens of an answer where a skill names no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How to ask for JSON of a schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Structured>,
    /// What a million tokens cost that the model reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_in: Option<f64>,
    /// What a million tokens cost that it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_out: Option<f64>,
    /// The rules of a scripted provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<PathBuf>,
}

/// The kinds of providers. All but the last two speak OpenAI's chat completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI, and with `base_url` every server that speaks as it does.
    Openai,
    /// DeepSeek.
    Deepseek,
    /// OpenRouter.
    Openrouter,
    /// Groq.
    Groq,
    /// Ollama on this machine.
    Ollama,
    /// LM Studio on this machine.
    Lmstudio,
    /// vLLM on this machine.
    Vllm,
    /// Anthropic's messages.
    Anthropic,
    /// Rules in a file, for tests and demonstrations: no model at all.
    Scripted,
}

/// How a provider is asked for JSON that passes a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Structured {
    /// It takes the schema.
    Schema,
    /// It takes the wish for JSON; the schema goes behind the private text.
    Object,
    /// It takes neither; the schema goes behind the private text.
    Text,
}

/// What is usual for a kind.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// Its name, in the configuration.
    pub name: &'static str,
    /// Where it is.
    pub base_url: &'static str,
    /// The variable in which people keep its key; none where it needs none.
    pub key_env: Option<&'static str>,
    /// A model that it has, where that is sure.
    pub model: Option<&'static str>,
    /// How it is asked for JSON.
    pub structured: Structured,
}

impl ProviderKind {
    /// Every kind, those first that are chosen first where only the environment says who there is.
    pub const ALL: [Self; 9] = [
        Self::Anthropic,
        Self::Openai,
        Self::Deepseek,
        Self::Openrouter,
        Self::Groq,
        Self::Ollama,
        Self::Lmstudio,
        Self::Vllm,
        Self::Scripted,
    ];

    /// Returns what is usual for the kind.
    pub const fn usual(self) -> Usual {
        let (name, base_url, key_env, model, structured) = match self {
            Self::Openai => (
                "openai",
                "https://api.openai.com/v1",
                Some("OPENAI_API_KEY"),
                Some("gpt-5-mini"),
                Structured::Schema,
            ),
            Self::Deepseek => (
                "deepseek",
                "https://api.deepseek.com/v1",
                Some("DEEPSEEK_API_KEY"),
                Some("deepseek-chat"),
                Structured::Object,
            ),
            Self::Openrouter => (
                "openrouter",
                "https://openrouter.ai/api/v1",
                Some("OPENROUTER_API_KEY"),
                Some("openrouter/auto"),
                Structured::Schema,
            ),
            Self::Groq => (
                "groq",
                "https://api.groq.com/openai/v1",
                Some("GROQ_API_KEY"),
                Some("llama-3.3-70b-versatile"),
                Structured::Object,
            ),
            Self::Ollama => (
                "ollama",
                "http://127.0.0.1:11434/v1",
                None,
                None,
                Structured::Schema,
            ),
            Self::Lmstudio => (
                "lmstudio",
                "http://127.0.0.1:1234/v1",
                None,
                None,
                Structured::Schema,
            ),
            Self::Vllm => (
                "vllm",
                "http://127.0.0.1:8000/v1",
                None,
                None,
                Structured::Schema,
            ),
            Self::Anthropic => (
                "anthropic",
                "https://api.anthropic.com",
                Some("ANTHROPIC_API_KEY"),
                Some("claude-sonnet-4-5"),
                Structured::Schema,
            ),
            Self::Scripted => ("scripted", "", None, Some("script"), Structured::Schema),
        };
        Usual {
            name,
            base_url,
            key_env,
            model,
            structured,
        }
    }

    /// Returns the kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.usual().name == name)
    }
}

impl ProviderConfig {
    /// Returns the kind of the provider of that name, if it is known.
    pub fn kind(&self, name: &str) -> Option<ProviderKind> {
        self.kind.or_else(|| ProviderKind::named(name))
    }
}

impl Config {
    /// Checks what can be wrong with providers beyond the types of values.
    pub(super) fn check_llm(&self) -> Result<(), ConfigError> {
        for (name, provider) in &self.llm {
            if let Err((key, message)) = check(name, provider) {
                return Err(ConfigError::of_key(format!("llm.{name}.{key}"), message));
            }
        }
        match &self.host.provider {
            Some(name) if !self.llm.contains_key(name) && ProviderKind::named(name).is_none() => {
                let message = format!("there is no provider `{name}`: add a section [llm.{name}]");
                Err(ConfigError::of_key("host.provider", message))
            }
            _ => Ok(()),
        }
    }
}

fn check(name: &str, provider: &ProviderConfig) -> Result<(), (&'static str, String)> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err((
            "kind",
            "the name of a provider is 1 to 64 letters, digits, `_` or `-`".to_owned(),
        ));
    }
    let Some(kind) = provider.kind(name) else {
        return Err((
            "kind",
            "say what it speaks: `openai` for everything that speaks as OpenAI does, `anthropic`, or the name of a known one"
                .to_owned(),
        ));
    };
    if let Some(url) = &provider.base_url {
        let fits = url
            .parse::<url::Url>()
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !fits {
            return Err((
                "base_url",
                "it is not an address with http or https".to_owned(),
            ));
        }
        if url.contains('@') {
            return Err((
                "base_url",
                "a key does not belong into an address: name it with key_env, key_file or key_command".to_owned(),
            ));
        }
    }
    let keys = [
        provider.key_env.is_some(),
        provider.key_file.is_some(),
        provider.key_command.is_some(),
    ];
    if keys.into_iter().filter(|given| *given).count() > 1 {
        return Err((
            "key_env",
            "say once where the key is: key_env, key_file or key_command".to_owned(),
        ));
    }
    if kind == ProviderKind::Scripted && provider.script.is_none() {
        return Err(("script", "name the file with its rules".to_owned()));
    }
    for (key, price) in [
        ("price_in", provider.price_in),
        ("price_out", provider.price_out),
    ] {
        if price.is_some_and(|price| !price.is_finite() || price < 0.0) {
            return Err((key, "a price is zero or more".to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
