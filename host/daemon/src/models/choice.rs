//! Which provider and model answer: what a skill's text wishes for where the owner configured it, else the owner's choice,
//! else whoever's key is in the environment.

use std::path::Path;
use std::sync::Arc;

use coworker_core::ModelWish;

use super::provider::{Provider, ProviderRow};
use crate::config::{Config, ProviderConfig, ProviderKind};

/// What other programs write where any model will do: no name of a model at all.
const ANY_MODEL: [&str; 5] = ["inherit", "default", "sonnet", "opus", "haiku"];

/// The owner's providers.
#[derive(Debug)]
pub(super) struct Providers {
    all: Vec<Arc<Provider>>,
    default: Option<Arc<Provider>>,
}

/// Who is asked.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) provider: Arc<Provider>,
    pub(super) model: String,
    /// What the owner should know about the choice.
    pub(super) note: Option<String>,
}

impl Providers {
    /// Returns the providers of a configuration, and where it has none, those whose keys are in the environment.
    pub(super) fn new(
        config: &Config,
        home: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let named = config.host.provider.as_deref();
        let make = |name: &str, config: &ProviderConfig| {
            Provider::new(name, config, home, &environment).map(Arc::new)
        };
        let mut all: Vec<_> = config
            .llm
            .iter()
            .filter_map(|(name, provider)| make(name, provider))
            .collect();
        let plain = ProviderConfig::default();
        if all.is_empty() {
            let found = ProviderKind::ALL
                .into_iter()
                .map(ProviderKind::usual)
                .filter(|usual| {
                    let key = usual.key_env.and_then(&environment);
                    key.is_some_and(|key| !key.trim().is_empty()) || named == Some(usual.name)
                });
            all.extend(found.filter_map(|usual| make(usual.name, &plain)));
        } else if let Some(name) = named.filter(|name| !config.llm.contains_key(*name)) {
            all.extend(make(name, &plain));
        }
        let default = match named {
            Some(name) => all.iter().find(|provider| provider.name == name),
            None => all.first(),
        }
        .cloned();
        Self { all, default }
    }

    /// Returns who answers such a wish, or why nobody does.
    pub(super) fn choose(&self, wish: &ModelWish) -> Result<Chosen, String> {
        let Some(default) = &self.default else {
            return Err(
                "no model is configured: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or add a section [llm.NAME] to config.toml"
                    .to_owned(),
            );
        };
        let model = wish
            .model
            .as_deref()
            .filter(|model| !ANY_MODEL.contains(model));
        let called = |name: &str| self.all.iter().find(|provider| provider.name == name);
        let (provider, model, note) = match wish.provider.as_deref() {
            Some(name) => match called(name) {
                Some(provider) => (provider, model, None),
                // A model of one provider means nothing to another.
                None => (
                    default,
                    None,
                    Some(format!(
                        "it asks for the provider {name:?}, which is not configured: {} answers",
                        default.name
                    )),
                ),
            },
            None => {
                let of_that = self
                    .all
                    .iter()
                    .find(|provider| model.is_some() && provider.model.as_deref() == model);
                (of_that.unwrap_or(default), model, None)
            }
        };
        if let Some(why) = provider.missing(model) {
            return Err(format!(
                "the provider {} cannot be asked: {why}",
                provider.name
            ));
        }
        let model = model.or(provider.model.as_deref()).unwrap_or_default();
        Ok(Chosen {
            provider: provider.clone(),
            model: model.to_owned(),
            note,
        })
    }

    /// Returns every provider as the owner sees it.
    pub(super) fn rows(&self) -> Vec<ProviderRow> {
        let is_default = |provider: &Arc<Provider>| {
            self.default
                .as_ref()
                .is_some_and(|default| Arc::ptr_eq(default, provider))
        };
        self.all
            .iter()
            .map(|provider| provider.row(is_default(provider)))
            .collect()
    }
}

/// Returns the providers of a configuration as the owner sees them, without a host.
pub fn providers(
    config: &Config,
    home: &Path,
    environment: impl Fn(&str) -> Option<String>,
) -> Vec<ProviderRow> {
    Providers::new(config, home, environment).rows()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(text: &str, environment: &[&str]) -> Providers {
        let config = Config::parse(Path::new("config.toml"), text, &[])
            .expect("a configuration")
            .config;
        Providers::new(&config, Path::new("/nowhere"), |name| {
            environment.contains(&name).then(|| "sk-secret".to_owned())
        })
    }

    fn wish(provider: Option<&str>, model: Option<&str>) -> ModelWish {
        ModelWish {
            provider: provider.map(str::to_owned),
            model: model.map(str::to_owned),
            ..ModelWish::default()
        }
    }

    #[track_caller]
    fn chosen(providers: &Providers, wish: &ModelWish) -> String {
        let chosen = providers.choose(wish).expect("somebody answers");
        format!("{}/{}", chosen.provider.name, chosen.model)
    }

    const TWO: &str = "[llm.local]\nkind = \"ollama\"\nmodel = \"llama\"\n[llm.big]\nkind = \"anthropic\"\nmodel = \"claude-x\"\n";

    #[test]
    fn without_a_configuration_the_environment_says() {
        let none = providers("", &[]);
        assert!(
            none.choose(&ModelWish::default())
                .expect_err("nobody")
                .contains("[llm.NAME]")
        );
        let one = providers("", &["GROQ_API_KEY"]);
        assert_eq!(
            chosen(&one, &ModelWish::default()),
            "groq/llama-3.3-70b-versatile"
        );
        let two = providers("", &["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]);
        assert!(chosen(&two, &ModelWish::default()).starts_with("anthropic/"));
        assert_eq!(
            chosen(&two, &wish(Some("openai"), Some("gpt-x"))),
            "openai/gpt-x"
        );
        let other = providers(
            "[host]\nprovider = \"openai\"\n",
            &["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
        );
        assert!(chosen(&other, &ModelWish::default()).starts_with("openai/"));
    }

    #[test]
    fn the_owner_chooses_and_a_wish_counts_where_it_is_configured() {
        let two = providers(TWO, &["ANTHROPIC_API_KEY"]);
        assert_eq!(chosen(&two, &ModelWish::default()), "big/claude-x");
        let local = providers(
            &format!("[host]\nprovider = \"local\"\n{TWO}"),
            &["ANTHROPIC_API_KEY"],
        );
        assert_eq!(chosen(&local, &ModelWish::default()), "local/llama");
        assert_eq!(chosen(&local, &wish(Some("big"), None)), "big/claude-x");
        assert_eq!(
            chosen(&local, &wish(None, Some("claude-x"))),
            "big/claude-x"
        );
        assert_eq!(chosen(&local, &wish(None, Some("other"))), "local/other");
        assert_eq!(chosen(&local, &wish(None, Some("inherit"))), "local/llama");
        assert_eq!(
            chosen(&local, &wish(Some("openai"), Some("gpt-x"))),
            "local/llama"
        );
        let note = local
            .choose(&wish(Some("openai"), None))
            .expect("somebody")
            .note;
        assert!(note.is_some_and(|note| note.contains("\"openai\"")));
    }

    #[test]
    fn what_is_missing_is_said_without_a_key() {
        let none = providers(TWO, &[]);
        let why = none.choose(&ModelWish::default()).expect_err("no key");
        assert!(
            why.contains("ANTHROPIC_API_KEY") && why.contains("big"),
            "{why}"
        );
        let model = providers("[llm.ollama]\n", &[]);
        assert!(
            model
                .choose(&ModelWish::default())
                .expect_err("no model")
                .contains("model")
        );
        assert_eq!(chosen(&model, &wish(None, Some("llama"))), "ollama/llama");
        let script = providers("[llm.scripted]\nscript = \"gone.toml\"\n", &[]);
        assert!(
            script
                .choose(&ModelWish::default())
                .expect_err("no file")
                .contains("gone.toml")
        );
        let all = providers(TWO, &["ANTHROPIC_API_KEY"]);
        assert!(!format!("{all:?}{:?}", all.rows()).contains("sk-secret"));
    }

    #[test]
    fn a_key_is_not_sent_to_another_address() {
        let other = providers(
            "[llm.openai]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\n",
            &["OPENAI_API_KEY"],
        );
        assert_eq!(other.rows()[0].key, "needs no key");
    }
}
