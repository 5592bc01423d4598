//! Reads a SKILL.md: what it says of itself between two lines of `---` is published, the rest is a private text. A file
//! that breaks a recommendation is read with a warning; one that cannot be read for sure is refused. Nothing below the
//! second line is ever looked at for a name, a description or an argument.

mod arguments;
mod error;
mod front;
mod keys;
mod layout;
mod likeness;
mod mend;
mod slot;
mod split;
mod words;

use coworker_core::{Manifest, ModelWish, Secret, SkillName, Slot, Tier};

pub use error::SkillMdError;
pub use slot::read_slot;

use front::Front;
use split::Parts;

/// The longest file: a model could not be told more at once.
pub const LARGEST: u64 = 256 << 10;
/// The longest description, and the longest advice when to use a skill; longer ones are cut.
pub(crate) const PROSE: usize = 4_096;
/// The longest version.
const WORD: usize = 64;
/// From how many characters on a description is longer than the format recommends.
const RECOMMENDED: usize = 1_024;

/// A SKILL.md as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SkillMd {
    /// What is published of it, if it serves without a component.
    pub manifest: Manifest,
    /// The least tier that it asks for, if it says anything of it.
    pub min_tier: Option<Tier>,
    /// Its private text, unless that is blank.
    pub slot: Option<Slot>,
    /// What its author should look at, in sentences.
    pub warnings: Vec<String>,
    /// On which line the private text begins; the first is 1.
    pub body_line: usize,
    /// What its author wrote above it.
    pub front: String,
}

/// Reads a SKILL.md that lies in a folder of this name.
pub fn read(bytes: &[u8], folder: &str) -> Result<SkillMd, SkillMdError> {
    let text = utf8(bytes)?;
    let parts = split::split(text)?;
    let mut warnings = Vec::new();
    let (front, parts) = match parts.front {
        Some(yaml) => match front::parse(yaml, parts.front_line, &mut warnings)? {
            Some(front) => (front, parts),
            None => {
                layout::check_without(text)?;
                warnings.push(
                    "what stands between its first lines of `---` is no list of keys: all of the file is private text"
                        .to_owned(),
                );
                (Front::default(), Parts::without(text))
            }
        },
        None => {
            layout::check_without(text)?;
            warnings.push(
                "it has no frontmatter: peers see the folder's name and nothing else".to_owned(),
            );
            (Front::default(), parts)
        }
    };
    if let Some(yaml) = parts.front {
        layout::check_end(yaml, parts.front_line)?;
        layout::check_head(parts.body, parts.body_line)?;
    }
    keys::check(&front, &mut warnings)?;
    words::unknown(&front, &mut warnings);
    let name = name(&front, folder, &mut warnings)?;
    let min_tier = words::tier(&front)?;
    let schemas = arguments::schemas(&front, &mut warnings)?;
    let wish = words::wish(&front, &mut warnings);
    if front.has("allowed-tools") {
        warnings.push(
            "it names tools (`allowed-tools`): the model that answers here has none".to_owned(),
        );
    }
    let manifest = Manifest {
        version: version(&front, &mut warnings),
        description: description(&front, &name, &mut warnings),
        when_to_use: prose(&front, "when_to_use", &mut warnings),
        category: None,
        input: schemas.input,
        output: schemas.output,
        min_tier: min_tier.unwrap_or(Tier::Known),
        name,
    };
    let slot = private(parts.body, wish);
    if slot.is_none() {
        warnings.push("there is no text below its frontmatter".to_owned());
    }
    Ok(SkillMd {
        manifest,
        min_tier,
        slot,
        warnings,
        body_line: parts.body_line,
        front: parts.front.unwrap_or_default().to_owned(),
    })
}

/// Returns a private text as it will be told, word for word, unless it is blank.
fn private(text: &str, wish: ModelWish) -> Option<Slot> {
    (!text.trim().is_empty()).then(|| Slot {
        text: Secret::new(text),
        wish,
    })
}

/// Returns the text of a file without the mark that some editors put in front of it.
fn utf8(bytes: &[u8]) -> Result<&str, SkillMdError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SkillMdError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Returns the skill's name: the frontmatter's made fit to our rule, else the folder's.
fn name(
    front: &Front,
    folder: &str,
    warnings: &mut Vec<String>,
) -> Result<SkillName, SkillMdError> {
    let given = front.text("name", warnings);
    let fit = given.as_deref().and_then(fit_name);
    match (&given, &fit) {
        (Some(given), Some(fit)) if given != fit.as_str() => {
            warnings.push(format!(
                "its name {given:?} is served as {fit:?}",
                fit = fit.as_str()
            ));
        }
        (Some(given), None) => {
            warnings.push(format!(
                "its name {given:?} cannot be served: the folder's is used"
            ));
        }
        _ => {}
    }
    let name = match fit {
        Some(name) => name,
        None => fit_name(folder).ok_or_else(|| SkillMdError::NoName(folder.to_owned()))?,
    };
    if given.is_some() && name.as_str() != folder {
        warnings.push(format!(
            "it is called {:?} and lies in a folder called {folder:?}",
            name.as_str()
        ));
    }
    if name
        .as_str()
        .bytes()
        .any(|b| !b.is_ascii_lowercase() && !b.is_ascii_digit() && b != b'-')
    {
        warnings.push(format!(
            "the name {:?} has more than lower-case letters, digits and hyphens",
            name.as_str()
        ));
    }
    Ok(name)
}

/// Returns a text as a skill's name: what a name cannot hold becomes a hyphen.
fn fit_name(text: &str) -> Option<SkillName> {
    let mut fit = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
            fit.push(c);
        } else if !fit.ends_with('-') {
            fit.push('-');
        }
    }
    fit.truncate(64);
    let fit = fit
        .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
        .trim_end_matches('-');
    fit.parse().ok()
}

fn description(front: &Front, name: &SkillName, warnings: &mut Vec<String>) -> String {
    match prose(front, "description", warnings) {
        Some(text) => {
            let long = text.chars().count();
            if long > RECOMMENDED {
                warnings.push(format!(
                    "its description has {long} characters; other programs read at most {RECOMMENDED}"
                ));
            }
            text
        }
        None => {
            warnings.push("it has no description: peers see its name instead".to_owned());
            name.to_string()
        }
    }
}

fn prose(front: &Front, key: &str, warnings: &mut Vec<String>) -> Option<String> {
    let text = front.text(key, warnings)?;
    if text.len() <= PROSE {
        return Some(text);
    }
    warnings.push(format!(
        "`{key}` has {} bytes and is cut at {PROSE}",
        text.len()
    ));
    let cut = text.floor_char_boundary(PROSE);
    Some(text.get(..cut).unwrap_or_default().trim_end().to_owned())
}

fn version(front: &Front, warnings: &mut Vec<String>) -> Option<String> {
    let version = match front.text("version", warnings) {
        Some(version) => version,
        None => front.metadata("version")?,
    };
    if version.len() > WORD {
        warnings.push(format!(
            "its version has {} bytes, more than {WORD}, and is left out",
            version.len()
        ));
        return None;
    }
    Some(version)
}

#[cfg(test)]
mod tests;
