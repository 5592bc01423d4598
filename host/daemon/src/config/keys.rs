//! Every key with its one line of documentation: the source of the README's table, of the file that a new home gets,
//! and of what counts as a key at all. A test holds it equal to what is read.

use std::fmt::Write;

use super::Config;

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key with its section, as in `host.name`.
    pub path: String,
    /// What it means.
    pub doc: &'static str,
    /// Its default as it is written in the file, or none if it has no fixed one.
    pub default: Option<String>,
}

const KEYS: &[(&str, &str)] = &[
    (
        "host.name",
        "The name that this host gives itself towards peers",
    ),
    (
        "host.default_visibility",
        "How a skill found in the skills folder starts: `hidden` until you expose it, or `exposed`; never with grants",
    ),
    (
        "host.updates",
        "Whether a new version that asks for nothing new takes over by itself (`auto`) or waits for you (`review`)",
    ),
    (
        "host.grace",
        "How long calls under way may go on when the host stops",
    ),
    (
        "host.live_instances",
        "How many skills may be alive at a time, waiting ones included",
    ),
    (
        "host.transport",
        "What carries messages: `loopback` to hosts of this machine, `xmtp` to hosts anywhere; `xmtp` once `xmtp.env` is set or its client is installed",
    ),
    (
        "host.provider",
        "Who answers for models where a skill names nobody; without it, the first of `[llm.NAME]`, or whoever's key is in the environment",
    ),
    (
        "host.passphrase_env",
        "The variable of the environment that holds a passphrase; with it or `host.passphrase_command`, the home is encrypted from its next start: the host's keys, what was said, skills' logs and state",
    ),
    (
        "host.passphrase_command",
        "The command that prints that passphrase, run when the home is opened",
    ),
    (
        "peers.auto_grant",
        "What a peer's trust request gets without you: `none`, or `known` (tier 1)",
    ),
    (
        "rates.untrusted",
        "Requests per minute that all peers of tier 0 together may start",
    ),
    (
        "rates.known",
        "Requests per minute that each peer of tier 1 may start",
    ),
    (
        "rates.internal",
        "Requests per minute that each peer of tier 2 may start; tier 3 has no limit",
    ),
    (
        "rates.burst",
        "How many requests a peer that was quiet may start at once",
    ),
    (
        "rates.peer_requests",
        "How many requests of one peer may wait",
    ),
    ("rates.peer_bytes", "Their size"),
    (
        "rates.all_requests",
        "How many requests of all peers may wait; those of tier 0 fill at most an eighth",
    ),
    ("rates.all_bytes", "Their size"),
    (
        "rates.untrusted_bytes",
        "The size of what all peers of tier 0 together may have waiting",
    ),
    (
        "budget.peer_calls_per_minute",
        "Questions to models of each peer in a minute; all peers of tier 0 are one",
    ),
    (
        "budget.peer_calls_per_day",
        "Questions to models of each peer in a day",
    ),
    (
        "budget.peer_tokens_per_minute",
        "Tokens of each peer in a minute",
    ),
    ("budget.peer_tokens_per_day", "Tokens of each peer in a day"),
    (
        "budget.peer_cost_per_minute",
        "Cost of each peer in a minute, in the unit of your prices",
    ),
    (
        "budget.peer_cost_per_day",
        "Cost of each peer in a day, in the unit of your prices",
    ),
    (
        "budget.skill_calls_per_minute",
        "Questions to models of each skill in a minute",
    ),
    (
        "budget.skill_calls_per_day",
        "Questions to models of each skill in a day",
    ),
    (
        "budget.skill_tokens_per_minute",
        "Tokens of each skill in a minute",
    ),
    (
        "budget.skill_tokens_per_day",
        "Tokens of each skill in a day",
    ),
    (
        "budget.skill_cost_per_minute",
        "Cost of each skill in a minute, in the unit of your prices",
    ),
    (
        "budget.skill_cost_per_day",
        "Cost of each skill in a day, in the unit of your prices",
    ),
    (
        "budget.all_calls_per_minute",
        "Questions to models of all together in a minute",
    ),
    (
        "budget.all_calls_per_day",
        "Questions to models of all together in a day",
    ),
    (
        "budget.all_tokens_per_minute",
        "Tokens of all together in a minute",
    ),
    (
        "budget.all_tokens_per_day",
        "Tokens of all together in a day",
    ),
    (
        "budget.all_cost_per_minute",
        "Cost of all together in a minute, in the unit of your prices",
    ),
    (
        "budget.all_cost_per_day",
        "Cost of all together in a day, in the unit of your prices",
    ),
    (
        "budget.reserved",
        "The part of what all together may ask, in per cent, that is kept in equal shares for peers of tier 1 and more",
    ),
    (
        "guard.mode",
        "What happens to an answer that holds private text, where a skill says nothing: `block`, `redact` (a whole answer goes out without the text, to peers of tier 2 and more; one that a component reads in pieces is held back), or `warn` (it goes out, and you are told)",
    ),
    (
        "guard.rejections",
        "How many rejections make a skill unknown to a peer, until you lift it with `guard lift`",
    ),
    ("guard.within", "Within which time"),
    (
        "guard.public",
        "Lines of private texts that answers of every skill may quote, also of those that were imported; `public` in a `grants.toml` is for one skill and waits for your approval",
    ),
    (
        "retention.seen",
        "How long a message is recognised if the network delivers it again",
    ),
    (
        "retention.answers",
        "How long a repeated request gets the recorded answer and is not run again",
    ),
    (
        "retention.bodies",
        "How long requests, answers and skills' logs are kept after the answer was delivered, also by the XMTP client",
    ),
    (
        "retention.metering",
        "How long it is kept who called what, when, and what it used",
    ),
    (
        "retention.undelivered",
        "How long an answer is kept for a peer that cannot be reached",
    ),
    (
        "retention.size",
        "The size of the database beyond which old requests, answers and logs are erased early",
    ),
    (
        "log.level",
        "What the host logs: `error`, `warn`, `info`, `debug`, `trace`, or a filter as in RUST_LOG",
    ),
    ("log.format", "The form of the host's log: `text` or `json`"),
    (
        "loopback.dir",
        "The folder in which hosts of this machine find each other; without it, one of your own in the system's temporary folder",
    ),
    (
        "xmtp.env",
        "The XMTP network: `local` for a node of your own, `dev`, or `production`; without it, `local`",
    ),
    ("xmtp.node", "Where the node of the `local` network listens"),
    (
        "xmtp.run_node",
        "Whether `serve` runs that node on this user's data folder where none answers",
    ),
    (
        "xmtp.sends_per_5_min",
        "How many messages may leave in five minutes; the `local` network does not count",
    ),
    (
        "xmtp.node_program",
        "The Node.js that runs the XMTP client; without it, the first on your path of version 22 or later, else the newest",
    ),
    (
        "xmtp.sidecar",
        "A folder with the sidecar and its packages; without it, the home's own, which `bridge setup` fills",
    ),
];

/// The keys of a provider, under `[llm.NAME]`.
const LLM: &[(&str, &str)] = &[
    (
        "kind",
        "What it speaks: `openai` for everything that speaks as OpenAI does, `anthropic`, `scripted`, or a known name: `deepseek`, `openrouter`, `groq`, `ollama`, `lmstudio`, `vllm`; without it, NAME",
    ),
    (
        "base_url",
        "Where it is; known ones are where they always are",
    ),
    ("model", "The model, where a skill names none"),
    (
        "key_env",
        "The variable of the environment that holds the key; for known ones the usual one, as OPENAI_API_KEY",
    ),
    (
        "key_file",
        "The file that holds the key, which nobody else may read; relative to the home",
    ),
    (
        "key_command",
        "The command that prints the key, run when it is first needed",
    ),
    (
        "timeout",
        "How long to wait for an answer, or for its next piece; without it, 2m",
    ),
    (
        "max_tokens",
        "The most tokens of an answer, where a skill says nothing; without it, 8192",
    ),
    (
        "structured",
        "How to ask for JSON: it takes a `schema`, the wish for an `object`, or `text` only; known ones are asked as they want it",
    ),
    (
        "price_in",
        "What a million tokens cost that it reads, in any unit",
    ),
    (
        "price_out",
        "What a million tokens cost that it writes, in the same unit",
    ),
    (
        "script",
        "The rules of a `scripted` one, for tests: a file, relative to the home",
    ),
];

/// The section of a provider, where its name may stand.
pub(super) const ANY_PROVIDER: &str = "llm.NAME";

/// The limits, once for `limits.default` and once for `limits.ceiling`.
const LIMITS: &[(&str, &str)] = &[
    ("memory", "Memory, all memories of a call together"),
    ("cpu", "Time on the processor"),
    ("wall", "Time from start to end, waits included"),
    ("input", "Size of the input"),
    ("output", "Size of the output"),
    ("host_bytes", "Bytes that cross between skill and host"),
    ("host_calls", "Calls of host functions"),
    ("model_calls", "Calls of models"),
    ("handles", "Handles held at a time"),
    ("randomness", "Random bytes"),
    ("table_elements", "Elements of all tables together"),
    ("memories", "Memories"),
    ("instances", "Core instances"),
    ("log_lines", "Lines of log, of at most 4 KiB each"),
    ("progress", "Reports of progress, of at most 1 KiB each"),
];

/// Returns every key, section by section.
pub fn keys() -> Vec<Key> {
    let defaults = toml::Table::try_from(Config::default()).expect("the defaults can be written");
    let plain = KEYS.iter().map(|(path, doc)| ((*path).to_owned(), *doc));
    let limits = ["default", "ceiling"].into_iter().flat_map(|part| {
        LIMITS
            .iter()
            .map(move |(name, doc)| (format!("limits.{part}.{name}"), *doc))
    });
    let providers = LLM
        .iter()
        .map(|(name, doc)| (format!("{ANY_PROVIDER}.{name}"), *doc));
    plain
        .chain(providers)
        .chain(limits)
        .map(|(path, doc)| Key {
            default: find(&defaults, &path).map(ToString::to_string),
            path,
            doc,
        })
        .collect()
}

/// Returns the value under a dotted path.
pub(super) fn find<'t>(table: &'t toml::Table, path: &str) -> Option<&'t toml::Value> {
    match path.split_once('.') {
        Some((section, rest)) => find(table.get(section)?.as_table()?, rest),
        None => table.get(path),
    }
}

/// Returns the name under which a key is documented: that of a provider stands for itself in no table.
pub(super) fn documented(path: &str) -> String {
    let named = path
        .strip_prefix("llm.")
        .filter(|rest| !rest.starts_with('.'));
    match named.map(|rest| rest.split_once('.').map_or("", |(_, key)| key)) {
        None => path.to_owned(),
        Some("") => ANY_PROVIDER.to_owned(),
        Some(key) => format!("{ANY_PROVIDER}.{key}"),
    }
}

/// Returns the keys as a table for the README. The limits, which exist twice, are rows of one column more.
pub fn markdown() -> String {
    let mut text = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    let all = keys();
    let value = |path: &str| {
        let key = all.iter().find(|key| key.path == path);
        key.and_then(|key| key.default.as_deref())
            .map_or_else(String::new, |default| {
                format!("`{}`", default.replace('|', "\\|"))
            })
    };
    for (path, doc) in KEYS {
        let _ = writeln!(text, "| `{path}` | {} | {doc} |", value(path));
    }
    for (name, doc) in LLM {
        let _ = writeln!(text, "| `{ANY_PROVIDER}.{name}` | | {doc} |");
    }
    text.push_str("\n| limit of a call | `limits.default` | `limits.ceiling` | meaning |\n|---|---|---|---|\n");
    for (name, doc) in LIMITS {
        let (default, ceiling) = (
            value(&format!("limits.default.{name}")),
            value(&format!("limits.ceiling.{name}")),
        );
        let _ = writeln!(text, "| `{name}` | {default} | {ceiling} | {doc} |");
    }
    text
}

/// Returns the file of a new home: every key with its meaning and default, commented out but for the name.
pub fn starter(name: Option<&str>) -> String {
    let mut text = "# Configuration of coworker-host. Every key is optional; what is commented out shows the default.\n\
                    # `coworker-host config show` prints what is in force, `config check` finds mistakes.\n"
        .to_owned();
    let mut section = String::new();
    for key in keys() {
        let (table, leaf) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        if table != section {
            table.clone_into(&mut section);
            // There is no provider before somebody names one.
            let mark = if table == ANY_PROVIDER { "# " } else { "" };
            let _ = write!(text, "\n{mark}[{table}]\n");
        }
        let given = name.filter(|_| key.path == "host.name");
        match (given, &key.default) {
            (Some(name), _) => {
                let _ = writeln!(text, "# {}\n{leaf} = {}", key.doc, toml::Value::from(name));
            }
            (None, Some(default)) => {
                let _ = writeln!(text, "# {}\n# {leaf} = {default}", key.doc);
            }
            (None, None) => {
                let _ = writeln!(text, "# {}\n# {leaf} = \"...\"", key.doc);
            }
        }
    }
    text
}
