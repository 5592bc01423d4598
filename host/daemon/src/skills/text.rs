//! The text beside a component: what its author asks for. It is read strictly, and it only ever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use coworker_core::approval::{Reviewed, beyond};
use coworker_core::{Body, Grants, GuardRule, Limits, SkillName, StateGrant, Tier};
use coworker_sandbox::Examined;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::package::Package;
use super::protected::{self, Reached};
use crate::config::{AboveCeiling, LimitsConfig, Visibility};

/// The longest text beside a component.
pub(crate) const LARGEST: u64 = 64 << 10;

const TOP: [&str; 4] = ["grants", "limits", "skill", "guard"];
const GRANTS: [&str; 5] = ["llm", "state", "env", "fs", "http"];
const FS: [&str; 3] = ["host", "guest", "write"];
const HTTP: [&str; 3] = ["url", "methods", "headers"];
const GUARD: [&str; 2] = ["mode", "public"];
const SKILL: [&str; 2] = ["min_tier", "visibility"];

/// Why a skill cannot be offered with the text beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not TOML.
    #[error("it is not TOML: {0}")]
    Syntax(String),
    /// A key that means nothing.
    #[error("unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The key that it is most like.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("`{key}`: {why}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A section about a skill that the component does not hold.
    #[error("`skill.{0}`: the component holds no such skill")]
    NoSuchSkill(String),
    /// A tier below the component's own.
    #[error(
        "`skill.{name}.min_tier` is {asked}, below {least} of the component: it can only be raised"
    )]
    Lowers {
        /// The skill.
        name: String,
        /// What the text says.
        asked: Tier,
        /// What the component says.
        least: Tier,
    },
    /// A limit above what the owner allows.
    #[error(transparent)]
    Above(#[from] AboveCeiling),
    /// A folder that no skill may reach.
    #[error("`grants.fs`: {folder:?} reaches {reached:?}, which belongs to this host")]
    Reaches {
        /// What is asked for.
        folder: String,
        /// What it would reach.
        reached: PathBuf,
    },
    /// A folder of files that the system makes up.
    #[error(
        "`grants.fs`: {folder:?} reaches {}, a file system of type {kind}: what the system makes up there tells of every process",
        point.display()
    )]
    Pseudo {
        /// What is asked for.
        folder: String,
        /// The type of the file system.
        kind: String,
        /// Where it is.
        point: PathBuf,
    },
    /// The component cannot run without something that is not asked for.
    #[error("the component imports {0}, which needs a grant: ask for it under `[grants]`")]
    Missing(&'static str),
    /// Grants for a skill that holds no code.
    #[error(
        "a skill without a component can use no grant: remove `grants.{0}`, or put a skill.wasm beside SKILL.md"
    )]
    NoCode(&'static str),
    /// A line to be quoted that is none.
    #[error("`guard.public` holds a blank line, or one with a line break")]
    Quotable,
}

/// What an author asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wishes {
    pub(crate) grants: Grants,
    guard: GuardRule,
    limits: toml::Table,
    skills: BTreeMap<String, SkillWish>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct SkillWish {
    min_tier: Option<Tier>,
    visibility: Option<Visibility>,
}

/// A state of a file that could be approved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) reviewed: Reviewed,
    /// Skills that their author wants hidden until the owner says otherwise.
    pub(crate) hidden: BTreeSet<SkillName>,
}

/// Reads the text beside a component.
pub(crate) fn read(text: &str) -> Result<Wishes, TextError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table: toml::Table = toml::from_str(text)
        .map_err(|error| TextError::Syntax(error.to_string().trim_end().replace('\n', " ")))?;
    known("", &table, &TOP)?;
    let mut wishes = Wishes::default();
    if let Some(grants) = section(&table, "grants", "grants")? {
        known("grants", grants, &GRANTS)?;
        each(grants, "fs", &FS)?;
        each(grants, "http", &HTTP)?;
        wishes.grants = value("grants", &grants.clone().into())?;
        check_grants(&wishes.grants)?;
    }
    if let Some(limits) = section(&table, "limits", "limits")? {
        let keys: Vec<&str> = Limits::default()
            .fields()
            .iter()
            .map(|field| field.key)
            .collect();
        known("limits", limits, &keys)?;
        overlay(&Limits::default(), limits)?;
        wishes.limits = limits.clone();
    }
    if let Some(guard) = section(&table, "guard", "guard")? {
        known("guard", guard, &GUARD)?;
        wishes.guard = value("guard", &guard.clone().into())?;
        if !wishes
            .guard
            .public
            .iter()
            .all(|line| GuardRule::is_line(line))
        {
            return Err(TextError::Quotable);
        }
    }
    if let Some(skills) = section(&table, "skill", "skill")? {
        for name in skills.keys() {
            let key = format!("skill.{name}");
            let Some(wish) = section(skills, name, &key)? else {
                continue;
            };
            known(&key, wish, &SKILL)?;
            wishes
                .skills
                .insert(name.clone(), value(&key, &wish.clone().into())?);
        }
    }
    Ok(wishes)
}

/// Joins what a skill is with what is asked for it. `ours` are folders that no skill may reach.
pub(crate) fn review(
    (body, examined, package): (Body, &Examined, &Package),
    wishes: &Wishes,
    limits: &LimitsConfig,
    ours: &[PathBuf],
) -> Result<Candidate, TextError> {
    let mut grants = wishes.grants.clone();
    if body == Body::Model {
        if let Some(key) = unusable(&grants) {
            return Err(TextError::NoCode(key));
        }
        // To ask its model is what such a skill is, and nothing that is granted.
        grants = Grants::default();
    }
    for grant in &mut grants.fs {
        grant.host = real_folder(&grant.host, ours)?;
        protected::check_links(Path::new(&grant.host), ours)
            .map_err(|reached| refused(&grant.host, reached))?;
    }
    if let Some(missing) = examined.ceiling.missing(&grants).first() {
        return Err(TextError::Missing(missing));
    }
    let base = usual(body, &grants, limits);
    let limits = limits.check(&overlay(&base, &wishes.limits)?)?;
    let mut manifests = examined.manifests.clone();
    for manifest in &mut manifests {
        manifest.min_tier = manifest.min_tier.max(package.min_tier.unwrap_or_default());
    }
    let mut hidden = BTreeSet::new();
    for (name, wish) in &wishes.skills {
        let manifest = manifests
            .iter_mut()
            .find(|manifest| manifest.name.as_str() == name)
            .ok_or_else(|| TextError::NoSuchSkill(name.clone()))?;
        if let Some(asked) = wish.min_tier {
            if asked < manifest.min_tier {
                return Err(TextError::Lowers {
                    name: name.clone(),
                    asked,
                    least: manifest.min_tier,
                });
            }
            manifest.min_tier = asked;
        }
        if wish.visibility == Some(Visibility::Hidden) {
            hidden.insert(manifest.name.clone());
        }
    }
    Ok(Candidate {
        reviewed: Reviewed {
            digest: examined.digest,
            body,
            private: package.private(),
            guard: wishes.guard.clone(),
            manifests,
            imports: examined.imports.clone(),
            grants,
            limits,
        },
        hidden,
    })
}

/// Returns what a call of such a skill may use where nobody asks for anything else.
pub(crate) fn usual(body: Body, grants: &Grants, limits: &LimitsConfig) -> Limits {
    let mut usual = limits.default;
    if grants.llm || body == Body::Model {
        usual.wall = usual
            .wall
            .max(Limits::WALL_WITH_MODEL)
            .min(limits.ceiling.wall.max(usual.wall));
    }
    usual
}

/// Returns in words what is asked for of grants, and of less than the whole guard.
fn asked(grants: &Grants, guard: &GuardRule) -> Vec<String> {
    let mut asked = beyond(&Grants::default(), grants);
    asked.extend(guard.asks());
    asked
}

impl Wishes {
    /// Returns in words what it asks for besides limits, which count only with what the owner lets a skill have.
    pub(crate) fn asks(&self) -> Vec<String> {
        asked(&self.grants, &self.guard)
    }
}

/// Returns in words all that a skill asks for and only its owner can give: grants, less of a guard, and more of what a call
/// may use than the owner lets every skill use.
pub(crate) fn asks(reviewed: &Reviewed, limits: &LimitsConfig) -> Vec<String> {
    let mut asks = asked(&reviewed.grants, &reviewed.guard);
    let usual = usual(reviewed.body, &reviewed.grants, limits);
    let raised = reviewed.limits.above(&usual);
    asks.extend(raised.into_iter().map(|(usual, asked)| {
        format!(
            "raise the limit {} from {} to {}",
            asked.key, usual.text, asked.text
        )
    }));
    asks
}

/// Returns the first grant that only code could use.
fn unusable(grants: &Grants) -> Option<&'static str> {
    let asked = [
        ("state", grants.state != StateGrant::None),
        ("env", !grants.env.is_empty()),
        ("fs", !grants.fs.is_empty()),
        ("http", !grants.http.is_empty()),
    ];
    asked.into_iter().find(|(_, is)| *is).map(|(key, _)| key)
}

/// Returns a folder without symbolic links, if it neither is nor holds nor lies in one of `ours`, under whatever name.
pub(crate) fn real_folder(folder: &str, ours: &[PathBuf]) -> Result<String, TextError> {
    let refuse = |why: &str| TextError::Value {
        key: "grants.fs".to_owned(),
        why: format!("{folder:?} {why}"),
    };
    let given = Path::new(folder);
    if !given.is_absolute() {
        return Err(refuse("is not an absolute path"));
    }
    let real = std::fs::canonicalize(given)
        .map_err(|error| refuse(&format!("cannot be found: {error}")))?;
    if !real.is_dir() {
        return Err(refuse("is not a folder"));
    }
    protected::check_named(given, &real, ours).map_err(|reached| refused(folder, reached))?;
    real.into_os_string()
        .into_string()
        .map_err(|_| refuse("is not Unicode"))
}

fn refused(folder: &str, reached: Reached) -> TextError {
    let folder = folder.to_owned();
    match reached {
        Reached::Ours(reached) => TextError::Reaches { folder, reached },
        Reached::Pseudo(kind, point) => TextError::Pseudo {
            folder,
            kind,
            point,
        },
        Reached::Unknown(why) => TextError::Value {
            key: "grants.fs".to_owned(),
            why: format!("{folder:?}: {why}"),
        },
    }
}

/// Puts single limits over a whole set.
pub(crate) fn overlay(base: &Limits, over: &toml::Table) -> Result<Limits, TextError> {
    let mut table = toml::Table::try_from(base).map_err(|error| TextError::Value {
        key: "limits".to_owned(),
        why: error.to_string(),
    })?;
    for (key, value) in over {
        table.insert(key.clone(), value.clone());
    }
    value("limits", &table.into())
}

fn check_grants(grants: &Grants) -> Result<(), TextError> {
    let refuse = |key: &str, why: String| {
        Err(TextError::Value {
            key: key.to_owned(),
            why,
        })
    };
    for key in grants.env.keys() {
        if key.is_empty() || key.contains(['=', '\0']) {
            return refuse("grants.env", format!("{key:?} cannot name a variable"));
        }
    }
    let mut guests = BTreeSet::new();
    for grant in &grants.fs {
        let guest = Path::new(&grant.guest);
        let plain = guest.components().all(|part| {
            matches!(
                part,
                std::path::Component::RootDir | std::path::Component::Normal(_)
            )
        });
        if !guest.is_absolute() || !plain {
            return refuse(
                "grants.fs",
                format!("`guest` {:?} is not a plain absolute path", grant.guest),
            );
        }
        if !guests.insert(guest) {
            return refuse(
                "grants.fs",
                format!("`guest` {:?} is named twice", grant.guest),
            );
        }
    }
    for grant in &grants.http {
        let bad = |why: &str| refuse("grants.http", format!("`url` {:?} {why}", grant.url));
        let Ok(url) = url::Url::parse(&grant.url) else {
            return bad("is not a URL");
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return bad("is not an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("holds a user name: put it in `headers`");
        }
        if url.query().is_some() || url.fragment().is_some() || !url.path().ends_with('/') {
            return bad("must end with the `/` of a path, without query or fragment");
        }
        let upper =
            |method: &String| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
        if grant.methods.is_empty() || !grant.methods.iter().all(upper) {
            return refuse(
                "grants.http",
                "`methods` are upper-case words, at least one".to_owned(),
            );
        }
    }
    Ok(())
}

fn section<'t>(
    table: &'t toml::Table,
    name: &str,
    key: &str,
) -> Result<Option<&'t toml::Table>, TextError> {
    match table.get(name) {
        None => Ok(None),
        Some(toml::Value::Table(inner)) => Ok(Some(inner)),
        Some(_) => Err(TextError::Value {
            key: key.to_owned(),
            why: format!("write it as a section, [{key}]"),
        }),
    }
}

fn each(grants: &toml::Table, name: &str, keys: &[&str]) -> Result<(), TextError> {
    let key = format!("grants.{name}");
    match grants.get(name) {
        None => Ok(()),
        Some(toml::Value::Array(items)) => items.iter().try_for_each(|item| match item {
            toml::Value::Table(item) => known(&key, item, keys),
            _ => Err(TextError::Value {
                key: key.clone(),
                why: format!("write each as [[{key}]]"),
            }),
        }),
        Some(_) => Err(TextError::Value {
            key: key.clone(),
            why: format!("write each as [[{key}]]"),
        }),
    }
}

fn value<T: DeserializeOwned>(key: &str, value: &toml::Value) -> Result<T, TextError> {
    value
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| TextError::Value {
            key: key.to_owned(),
            why: error.message().to_owned(),
        })
}

fn known(section: &str, table: &toml::Table, keys: &[&str]) -> Result<(), TextError> {
    let Some(key) = table.keys().find(|key| !keys.contains(&key.as_str())) else {
        return Ok(());
    };
    let whole = |key: &str| {
        if section.is_empty() {
            key.to_owned()
        } else {
            format!("{section}.{key}")
        }
    };
    let nearest = keys
        .iter()
        .map(|name| (strsim::jaro_winkler(name, key), *name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| whole(name));
    Err(TextError::UnknownKey {
        key: whole(&key.chars().take(80).collect::<String>()),
        nearest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_nests_as_deep_as_it_can_is_refused() {
        let most = usize::try_from(LARGEST).expect("small");
        for (before, unit, after) in [
            ("", "a.", "a = 1"),
            ("[", "a.", "a]"),
            ("[[", "a.", "a]]"),
            ("a = ", "[", ""),
            ("a = ", "{a=", "1"),
            ("grants.env = ", "{a.a.a.a=", "1"),
        ] {
            let times = (most - before.len() - after.len()) / unit.len();
            let text = format!("{before}{}{after}", unit.repeat(times));
            assert!(read(&text).is_err(), "{before}{unit}{unit}…{after}");
        }
    }
}
