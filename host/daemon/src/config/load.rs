//! Reads the configuration: the defaults, then the file, then what the environment and the command line say, each
//! value with where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::keys::{ANY_PROVIDER, documented, find};
use super::{Config, ConfigError, keys};
use crate::spelling::is_meant_for;

/// How many entries of a home are looked at for a configuration of another name.
const MOST_ENTRIES: usize = 1_000;

/// Where a value comes from. Later ones win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "name")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file.
    File,
    /// A variable of the environment.
    Env(String),
    /// A flag of the command line.
    Flag(String),
}

/// A value that does not come from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The key, as in `log.level`.
    pub key: String,
    /// The value. Text that is a number, `true` or `false` counts as such where the key wants one.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// One key with the value in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value as it is written in the file, or nothing if there is none.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What the key means.
    pub doc: String,
}

/// A configuration that was read, with the origin of everything in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The values.
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Config {
    /// Reads the file of a home, if there is one, and puts the overrides on top.
    pub fn load(file: &Path, overrides: &[Override]) -> Result<Settings, ConfigError> {
        if let Some(found) = missed(file) {
            return Err(ConfigError::Missed {
                found,
                path: file.to_owned(),
            });
        }
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(ConfigError::Read {
                    path: file.to_owned(),
                    source,
                });
            }
        };
        Self::parse(file, &text, overrides)
    }

    /// Reads a configuration from text. `file` only appears in errors.
    pub fn parse(file: &Path, text: &str, overrides: &[Override]) -> Result<Settings, ConfigError> {
        let mut origins = BTreeMap::new();
        for (key, span) in keys_of(file, text)? {
            if !is_key(&key) {
                return Err(unknown(
                    key,
                    Some(file),
                    line_of(text, span.start),
                    String::new(),
                ));
            }
            origins.insert(key, Origin::File);
        }
        // Read once alone, so that what is wrong in the file is said with its line.
        let _: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            ConfigError::Value {
                path: Some(file.to_owned()),
                line: line_of(text, start),
                origin: String::new(),
                key: key_at(text, start).unwrap_or_default(),
                message: error.message().to_owned(),
            }
        })?;
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| syntax(file, text, &error))?;
        for given in overrides {
            if !is_key(&given.key) {
                return Err(unknown(
                    given.key.clone(),
                    None,
                    0,
                    given.origin.to_string(),
                ));
            }
            put(
                &mut table,
                &given.key,
                toml::Value::from(given.value.as_str()),
            );
            let mut read: Result<Self, _> = table.clone().try_into();
            if read.is_err()
                && let Some(value) = plain(&given.value)
            {
                put(&mut table, &given.key, value);
                read = table.clone().try_into();
            }
            read.map_err(|error| ConfigError::Value {
                path: None,
                line: 0,
                origin: given.origin.to_string(),
                key: given.key.clone(),
                message: error.message().to_owned(),
            })?;
            origins.insert(given.key.clone(), given.origin.clone());
        }
        let config: Self = table
            .try_into()
            .map_err(|error| syntax(file, text, &error))?;
        config.limits.check(&config.limits.default)?;
        config.check_host()?;
        config.check_llm()?;
        config.check_budget()?;
        config.check_guard()?;
        Ok(Settings { config, origins })
    }
}

impl Settings {
    /// Returns every key with its value in force and where it came from.
    pub fn list(&self) -> Vec<Setting> {
        let table = toml::Table::try_from(&self.config).expect("what was read can be written");
        let of_provider = format!("{ANY_PROVIDER}.");
        let (providers, plain): (Vec<_>, Vec<_>) = keys()
            .into_iter()
            .partition(|key| key.path.starts_with(&of_provider));
        let named = self.config.llm.keys().flat_map(|name| {
            let of = format!("llm.{name}.");
            providers.iter().map(move |key| super::Key {
                path: key.path.replace("llm.NAME.", &of),
                ..key.clone()
            })
        });
        plain
            .into_iter()
            .chain(named.collect::<Vec<_>>())
            .map(|key| Setting {
                value: find(&table, &key.path).map(ToString::to_string),
                origin: self
                    .origins
                    .get(&key.path)
                    .cloned()
                    .unwrap_or(Origin::Default),
                doc: key.doc.to_owned(),
                key: key.path,
            })
            .collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("config.toml"),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Returns a file that lies where the configuration does, under a name that somebody mistyped: what it bounds would
/// otherwise be unbounded without a word.
fn missed(file: &Path) -> Option<PathBuf> {
    let wanted = file.file_name()?.to_str()?;
    let entries = std::fs::read_dir(file.parent()?).ok()?;
    let mut found = entries
        .flatten()
        .take(MOST_ENTRIES)
        .map(|entry| entry.path());
    found.find(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| is_meant_for(name, wanted))
    })
}

/// Returns the dotted path and place of every value in the file. Whatever is not a section counts as a value, also a
/// section where a value belongs: reading it says what is wrong.
fn keys_of(file: &Path, text: &str) -> Result<Vec<(String, Range<usize>)>, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| syntax(file, text, &error))?;
    let mut found = Vec::new();
    collect(table.get_ref(), "", &mut found);
    Ok(found)
}

fn collect(table: &DeTable<'_>, section: &str, found: &mut Vec<(String, Range<usize>)>) {
    for (name, value) in table {
        let path = if section.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{section}.{}", name.get_ref())
        };
        match value.get_ref() {
            DeValue::Table(inner) if is_section(&path) => collect(inner, &path, found),
            // An empty section that is known needs no check; anything else is a key.
            _ => found.push((path, name.span())),
        }
    }
}

fn is_key(path: &str) -> bool {
    let path = documented(path);
    keys().iter().any(|key| key.path == path) || is_section(&path)
}

fn is_section(path: &str) -> bool {
    let path = documented(path);
    let path = path.as_str();
    keys().iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn unknown(key: String, file: Option<&Path>, line: usize, origin: String) -> ConfigError {
    // Sections count as well: under a misspelt section no key is anything like one that exists.
    let provider = key
        .strip_prefix("llm.")
        .and_then(|rest| rest.split_once('.'))
        .map(|(name, _)| format!("llm.{name}."));
    let as_here = |path: String| match &provider {
        Some(provider) => path.replace("llm.NAME.", provider),
        None => path,
    };
    let mut names: Vec<String> = keys().into_iter().map(|key| as_here(key.path)).collect();
    let sections: Vec<String> = names
        .iter()
        .filter_map(|name| name.rsplit_once('.').map(|(section, _)| section.to_owned()))
        .collect();
    names.extend(sections);
    let nearest = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&name, &key), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name);
    ConfigError::UnknownKey {
        path: file.map(Path::to_owned),
        line,
        origin,
        key,
        nearest,
    }
}

/// Sets the value under a dotted path, making sections as needed.
fn put(table: &mut toml::Table, path: &str, value: toml::Value) {
    match path.split_once('.') {
        Some((section, rest)) => {
            let inner = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                put(inner, rest, value);
            }
        }
        None => {
            table.insert(path.to_owned(), value);
        }
    }
}

/// Returns the number or truth value that a text stands for.
fn plain(text: &str) -> Option<toml::Value> {
    let number = text.parse::<i64>().map(toml::Value::from);
    number
        .or_else(|_| text.parse::<bool>().map(toml::Value::from))
        .ok()
}

fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::Syntax {
        path: file.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    }
}

/// Returns the number of the line, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or("");
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Returns the key that stands on the line of an offset.
fn key_at(text: &str, offset: usize) -> Option<String> {
    let line = text.lines().nth(line_of(text, offset) - 1)?;
    Some(line.split_once('=')?.0.trim().to_owned())
}
