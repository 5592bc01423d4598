//! Shows what a skill's texts would publish and what they keep back, before anybody serves them. The cards are made by
//! the code that publishes, from what it would read.

mod lines;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::approval::{Reviewed, UpdatePolicy, tier_in_force};
use coworker_core::{Body, Catalog, Digest, Entry, Grants, GuardRule, Limits, Tier};
use coworker_sandbox::Examined;
use rustix::fs::CWD;
use serde::Serialize;
use serde_json::Value;

use super::SkillsError;
use super::files::{Refused, names, open_folder, read_file, safe_way};
use super::inspect::change_rows;
use super::neighbours;
use super::package::{Raw, skill_md_in};
use super::row::{ChangeRow, PrivateRow};
use super::scan::{COMPONENT, REQUEST};
use super::text::{self, Wishes};
use crate::config::LimitsConfig;

pub use lines::LineRow;
pub(super) use lines::private_in_cards;
pub use tree::{FileRow, Scanned, scan_tree};

/// What one tier would see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierView {
    /// The tier.
    pub tier: Tier,
    /// The cards, exactly as a peer gets them.
    pub skills: Vec<Value>,
}

/// A skill as it would be served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wrapped {
    /// Its folder.
    pub folder: PathBuf,
    /// Who would answer.
    pub body: Body,
    /// Its digest.
    pub digest: Digest,
    /// What each tier would see once it is exposed.
    pub tiers: Vec<TierView>,
    /// The texts that stay here, by size and digest.
    pub texts: Vec<PrivateRow>,
    /// The other files in the folder, which nobody reads.
    pub files: Vec<FileRow>,
    /// What it asks for, in words.
    pub asks: Vec<String>,
    /// How its texts are guarded.
    pub guard: GuardRule,
    /// Lines of the private texts that its card shows.
    pub leaks: Vec<LineRow>,
    /// Lines of the private texts that its author published above them.
    pub repeats: Vec<LineRow>,
    /// What its author should look at.
    pub warnings: Vec<String>,
    #[serde(skip)]
    reviewed: Reviewed,
    /// The limits that it may have without asking.
    #[serde(skip)]
    usual: Limits,
}

impl Wrapped {
    /// Returns what an update from `old` to this would change, and what of it would wait for the owner.
    pub fn changes_since(&self, old: &Self) -> Vec<ChangeRow> {
        change_rows(
            &old.reviewed,
            &self.reviewed,
            &self.usual,
            UpdatePolicy::default(),
        )
    }

    /// Returns the names of its skills.
    pub fn names(&self) -> Vec<&str> {
        let manifests = self.reviewed.manifests.iter();
        manifests.map(|manifest| manifest.name.as_str()).collect()
    }

    /// Returns the least tier in force of its first skill.
    pub fn tier(&self) -> Option<Tier> {
        let first = self.reviewed.manifests.first();
        first.map(|manifest| tier_in_force(manifest.min_tier, None))
    }
}

/// Returns the component of a place that is one skill, if it has one.
pub fn component_in(place: &Path) -> Option<PathBuf> {
    let component = folder_of(place).join(COMPONENT);
    component.symlink_metadata().is_ok().then_some(component)
}

/// Looks at a folder that is one skill, or at its SKILL.md. `examined` is what its component was found to be.
pub fn wrap(
    place: &Path,
    limits: &LimitsConfig,
    examined: Option<&Examined>,
) -> Result<Wrapped, SkillsError> {
    let unfit = |why: String| SkillsError::Unfit {
        place: place.to_owned(),
        why,
    };
    let real = std::fs::canonicalize(folder_of(place)).map_err(|error| unfit(error.to_string()))?;
    let folder = open_folder(CWD, &real).map_err(|refused| unfit(refused.why()))?;
    safe_way(&real).map_err(unfit)?;
    if examined.is_none() && skill_md_in(&folder, "").is_none() {
        return Err(unfit("there is no SKILL.md in it".to_owned()));
    }
    let body = match examined {
        Some(_) => Body::Component,
        None => Body::Model,
    };
    let raw = Raw::of_folder(&folder, body).map_err(|refused| unfit(refused.why()))?;
    let called = real.file_name().unwrap_or_default().to_string_lossy();
    let (beside, _) = names(&folder).map_err(|error| unfit(error.to_string()))?;
    if let Some(why) = neighbours::in_folder(&beside, &called) {
        return Err(unfit(why));
    }
    let package = raw.understand(&called).map_err(unfit)?;
    let alone;
    let examined = match examined {
        Some(examined) => examined,
        None => {
            alone = package.serve_alone().map_err(unfit)?.1;
            &alone
        }
    };
    let wishes = match read_file(&folder, REQUEST, text::LARGEST) {
        Ok((bytes, _)) => {
            let asked = String::from_utf8(bytes)
                .map_err(|_| unfit("grants.toml: it is not UTF-8".to_owned()))?;
            text::read(&asked).map_err(|error| unfit(format!("grants.toml: {error}")))?
        }
        Err(Refused::Absent) => Wishes::default(),
        Err(refused) => return Err(unfit(format!("grants.toml: {}", refused.why()))),
    };
    let reviewed = text::review((body, examined, &package), &wishes, limits, &[])
        .map_err(|error| unfit(format!("grants.toml: {error}")))?
        .reviewed;
    let mut entries = Vec::new();
    for manifest in &reviewed.manifests {
        let mut manifest = manifest.clone();
        manifest.min_tier = tier_in_force(manifest.min_tier, None);
        let entry = Entry::new(
            manifest,
            reviewed.digest,
            Grants::default(),
            reviewed.limits,
        );
        entries.push(Arc::new(entry.map_err(|error| unfit(error.to_string()))?));
    }
    let cards: Vec<Value> = entries
        .iter()
        .map(|entry| entry.card.as_ref().clone())
        .collect();
    let catalog = Catalog::new(entries);
    let tiers = Tier::ALL.into_iter().map(|tier| TierView {
        tier,
        skills: catalog
            .seen_by(tier)
            .cards()
            .iter()
            .map(|entry| entry.card.as_ref().clone())
            .collect(),
    });
    let tiers = tiers.collect();
    let shown = lines::shown(&package, &cards);
    Ok(Wrapped {
        body,
        digest: reviewed.digest,
        tiers,
        texts: package
            .texts
            .iter()
            .flat_map(|texts| PrivateRow::of(texts))
            .collect(),
        files: tree::others(&real),
        asks: text::asks(&reviewed, limits),
        guard: reviewed.guard.clone(),
        leaks: shown.leaks,
        repeats: shown.repeats,
        warnings: package.warnings,
        folder: real,
        usual: text::usual(body, &reviewed.grants, limits),
        reviewed,
    })
}

/// Returns the folder that a place means: a SKILL.md means the one that it lies in.
fn folder_of(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default();
    if !name.eq_ignore_ascii_case("skill.md") || place.is_dir() {
        return place.to_owned();
    }
    match place.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => place.to_owned(),
    }
}
