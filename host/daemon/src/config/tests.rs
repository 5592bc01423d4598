//! Tests of the configuration: what counts as a key, what is said about what does not, and where values come from.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::report::Failure;

fn read(text: &str) -> Result<Settings, ConfigError> {
    Config::parse(Path::new("config.toml"), text, &[])
}

#[track_caller]
fn refused(text: &str, what: &str, hint: Option<&str>) {
    let failure = Failure::from(read(text).expect_err("a mistake"));
    assert_eq!(failure.what, what);
    assert_eq!(failure.hint.as_deref(), hint);
}

fn leaves(table: &toml::Table, section: &str, found: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = if section.is_empty() {
            name.clone()
        } else {
            format!("{section}.{name}")
        };
        match value {
            toml::Value::Table(inner) => leaves(inner, &path, found),
            _ => {
                found.insert(path);
            }
        }
    }
}

fn whole_provider() -> ProviderConfig {
    ProviderConfig {
        kind: Some(ProviderKind::Openai),
        base_url: Some(String::new()),
        model: Some(String::new()),
        key_env: Some(String::new()),
        key_file: Some("/somewhere".into()),
        key_command: Some(String::new()),
        timeout: Some(coworker_core::Span::secs(1)),
        max_tokens: Some(1),
        structured: Some(Structured::Schema),
        price_in: Some(1.0),
        price_out: Some(1.0),
        script: Some("/somewhere".into()),
    }
}

fn whole_budget() -> BudgetConfig {
    BudgetConfig {
        peer_tokens_per_minute: Some(1),
        peer_tokens_per_day: Some(1),
        peer_cost_per_minute: Some(1.0),
        peer_cost_per_day: Some(1.0),
        skill_calls_per_minute: Some(1),
        skill_calls_per_day: Some(1),
        skill_tokens_per_minute: Some(1),
        skill_tokens_per_day: Some(1),
        skill_cost_per_minute: Some(1.0),
        skill_cost_per_day: Some(1.0),
        all_tokens_per_minute: Some(1),
        all_tokens_per_day: Some(1),
        all_cost_per_minute: Some(1.0),
        all_cost_per_day: Some(1.0),
        ..BudgetConfig::default()
    }
}

#[test]
fn what_is_documented_is_what_is_read() {
    let mut config = Config::default();
    config.loopback.dir = Some("/somewhere".into());
    config.host.transport = Some(config.transport());
    config.host.provider = Some("somebody".to_owned());
    config.host.passphrase_env = Some("PASSPHRASE".to_owned());
    config.host.passphrase_command = Some("pass".to_owned());
    config.llm.insert("NAME".to_owned(), whole_provider());
    config.budget = whole_budget();
    config.xmtp.env = Some(config.xmtp.env());
    config.xmtp.sidecar = Some("/somewhere".into());
    config.xmtp.node_program = Some("/somewhere".into());
    let mut read = BTreeSet::new();
    leaves(
        &toml::Table::try_from(&config).expect("a table"),
        "",
        &mut read,
    );
    let documented: BTreeSet<String> = keys().into_iter().map(|key| key.path).collect();
    assert_eq!(read, documented);
    assert!(
        keys()
            .iter()
            .all(|key| !key.doc.is_empty() && !key.doc.contains('|'))
    );
}

#[test]
fn an_empty_file_is_the_default() {
    let settings = read("").expect("nothing wrong");
    assert_eq!(settings.config, Config::default());
    assert!(
        settings
            .list()
            .iter()
            .all(|setting| setting.origin == Origin::Default)
    );
}

#[test]
fn a_missing_file_is_the_default_and_an_unreadable_one_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = Config::load(&dir.path().join("config.toml"), &[]).expect("no file");
    assert_eq!(settings.config, Config::default());
    assert!(matches!(
        Config::load(dir.path(), &[]),
        Err(ConfigError::Read { .. })
    ));
}

#[test]
fn the_starter_reads_as_the_default_with_a_name() {
    assert_eq!(
        read(&starter(None)).expect("our own file").config,
        Config::default()
    );
    let named = read(&starter(Some("Ada \"the\" host")))
        .expect("our own file")
        .config;
    assert_eq!(named.host.name, "Ada \"the\" host");
    // What is commented out must be right as well.
    let all: String = starter(None)
        .lines()
        .filter(|line| !line.contains("\"...\""))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let settings = read(&all).expect("every default as written");
    assert_eq!(settings.config, Config::default());
}

#[test]
fn values_know_where_they_come_from() {
    let text =
        "[host]\nname = \"ada\"\n[limits.default]\nmemory = \"32 MiB\"\n[log]\nlevel = \"warn\"\n";
    let env = Override {
        key: "log.level".into(),
        value: "debug".into(),
        origin: Origin::Env("RUST_LOG".into()),
    };
    let flag = Override {
        key: "rates.known".into(),
        value: "7".into(),
        origin: Origin::Flag("--rate".into()),
    };
    let settings =
        Config::parse(Path::new("config.toml"), text, &[env, flag]).expect("nothing wrong");
    let got = |key: &str| {
        let list = settings.list();
        let setting = list
            .iter()
            .find(|setting| setting.key == key)
            .expect("a key");
        (
            setting.value.clone().unwrap_or_default(),
            setting.origin.to_string(),
        )
    };
    assert_eq!(got("host.name"), ("\"ada\"".into(), "config.toml".into()));
    assert_eq!(
        got("limits.default.memory"),
        ("\"32 MiB\"".into(), "config.toml".into())
    );
    assert_eq!(
        got("limits.default.cpu"),
        ("\"5s\"".into(), "default".into())
    );
    assert_eq!(got("log.level"), ("\"debug\"".into(), "RUST_LOG".into()));
    assert_eq!(got("rates.known"), ("7".into(), "--rate".into()));
    assert_eq!(got("loopback.dir"), (String::new(), "default".into()));
}

#[test]
fn mistakes_are_named_with_their_line_and_what_was_meant() {
    refused(
        "[host]\nname = \"a\"\ndefault_visbility = \"hidden\"\n",
        "config.toml:3: there is no key `host.default_visbility`",
        Some("did you mean `host.default_visibility`?"),
    );
    refused(
        "[hots]\nname = 1\n",
        "config.toml:1: there is no key `hots`",
        Some("did you mean `host`?"),
    );
    refused(
        "[limits.default]\nmemroy = 1\n",
        "config.toml:2: there is no key `limits.default.memroy`",
        Some("did you mean `limits.default.memory`?"),
    );
    refused(
        "[llm.fast]\nurl = \"x\"\n",
        "config.toml:2: there is no key `llm.fast.url`",
        Some("did you mean `llm.fast.base_url`?"),
    );
    refused(
        "[limits.default]\ncpu = \"90s\"\n",
        "under [limits.default]: the limit `cpu` is 90s, above the ceiling of 1m",
        Some("raise `cpu` under `[limits.ceiling]` too, or lower it under `[limits.default]`"),
    );
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    for (text, line, part) in [
        (
            "[host]\nupdates = \"always\"\n",
            ":2: `updates`",
            "unknown variant `always`",
        ),
        ("[rates]\n\nknown = -1\n", ":3: `known`", "invalid value"),
        (
            "[retention]\nbodies = \"a week\"\n",
            ":2: `bodies`",
            "is not a length of time",
        ),
        (
            "[limits.ceiling]\nmemory = \"lots\"\n",
            ":2: `memory`",
            "is not a size",
        ),
        ("[host\n", ":1", ""),
        ("host = 3\n", ":1", "invalid type"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(
            error.contains(line) && error.contains(part),
            "{text:?}: {error}"
        );
    }
    let bad = Override {
        key: "rates.known".into(),
        value: "many".into(),
        origin: Origin::Env("X".into()),
    };
    let error = Config::parse(Path::new("config.toml"), "", &[bad]).expect_err("not a number");
    assert!(
        error.to_string().starts_with("X: `rates.known`: "),
        "{error}"
    );
}

#[test]
fn ceilings_hold_what_is_not_named() {
    let config = read("[limits.ceiling]\nmemory = \"128 MiB\"\n")
        .expect("nothing wrong")
        .config;
    assert_eq!(
        config.limits.ceiling.cpu,
        LimitsConfig::default().ceiling.cpu
    );
    let mut wanted = config.limits.default;
    assert_eq!(config.limits.check(&wanted), Ok(wanted));
    wanted.memory = coworker_core::Bytes::mib(129);
    wanted.log_lines = u32::MAX;
    assert_eq!(
        config.limits.check(&wanted).expect_err("too much").key,
        "memory"
    );
    let clamped = config.limits.clamp(&wanted);
    assert_eq!(clamped.memory, coworker_core::Bytes::mib(128));
    assert_eq!(config.limits.check(&clamped), Ok(clamped));
}

#[test]
fn the_table_names_every_key() {
    let table = markdown();
    for key in keys() {
        let name = key.path.rsplit('.').next().expect("a name");
        assert!(
            table.contains(&format!("| `{}`", key.path)) || table.contains(&format!("| `{name}`")),
            "{}",
            key.path
        );
    }
}
