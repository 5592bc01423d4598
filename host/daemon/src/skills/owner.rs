//! What the owner decides about single skills. Every decision is on record before it acts.

use std::sync::Arc;

use coworker_core::approval::tier_in_force;
use coworker_core::{Digest, Sight, SkillName, Tier};
use serde_json::Value;

use super::publish::limits_in_force;
use super::row::{Configure, Configured, Expose, RolledBack, RowState, SkillRow};
use super::state::{Standing, State, token, version};
use super::text::overlay;
use super::{Skills, SkillsError};
use crate::store::VisibilityRow;

/// A file, and one of its skills or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) file: String,
    pub(crate) skill: Option<SkillName>,
}

impl Skills {
    /// Approves a skill as it was shown, grants included, and lets peers of its tier see it. The other skills of the
    /// same component are approved with it and stay hidden. A file's name stands for all its skills.
    pub async fn expose(
        self: &Arc<Self>,
        name: &str,
        how: Expose,
    ) -> Result<SkillRow, SkillsError> {
        // The owner's word is another chance for what broke the process that looked, whoever was to blame.
        self.look_again(name, true).await?;
        let mut state = self.state.lock().await;
        let target = state.find(name, &self.rules)?;
        let key = &target.file;
        let standing = state.standing(key, &self.rules);
        let file = state
            .files
            .get(key)
            .ok_or_else(|| SkillsError::NotFound(name.to_owned()))?;
        let approved = file.record.current.as_ref().map(|row| &row.reviewed);
        let candidate = match &standing {
            Standing::Waits(candidate, _) | Standing::Ready(candidate, _) => {
                Some(candidate.as_ref().clone())
            }
            // An update that is not ready does not stand in the way of what is approved.
            Standing::Same | Standing::Compiling(_) | Standing::Broken(_) if approved.is_some() => {
                None
            }
            Standing::Compiling(why) | Standing::Broken(why) => {
                return Err(SkillsError::NotReady {
                    name: name.to_owned(),
                    why: why.clone(),
                });
            }
            Standing::Same | Standing::Gone => return Err(SkillsError::NotFound(name.to_owned())),
        };
        let reviewed = candidate
            .as_ref()
            .map(|candidate| &candidate.reviewed)
            .or(approved);
        let Some(reviewed) = reviewed else {
            return Err(SkillsError::NotFound(name.to_owned()));
        };
        let digest = reviewed.digest;
        if how
            .review
            .as_ref()
            .is_some_and(|review| *review != token(reviewed))
        {
            return Err(SkillsError::Changed(name.to_owned()));
        }
        let mut shown = Vec::new();
        for manifest in &reviewed.manifests {
            if target
                .skill
                .as_ref()
                .is_some_and(|skill| *skill != manifest.name)
            {
                continue;
            }
            if let Some(asked) = how.tier.filter(|tier| *tier < manifest.min_tier) {
                let name = manifest.name.to_string();
                return Err(SkillsError::Below {
                    name,
                    least: manifest.min_tier,
                    asked,
                });
            }
            if let Some(holder) = state
                .holder(manifest.name.as_str())
                .filter(|holder| *holder != key)
            {
                return Err(SkillsError::Taken {
                    name: manifest.name.to_string(),
                    file: holder.to_owned(),
                });
            }
            let place = (key.clone(), manifest.name.clone());
            let before = state.visible.get(&place);
            shown.push(VisibilityRow {
                file: key.clone(),
                skill: manifest.name.to_string(),
                exposed: true,
                tier: how.tier.or(before.and_then(|row| row.tier)),
                limits: before.map(|row| row.limits.clone()).unwrap_or_default(),
            });
        }
        if shown.is_empty() {
            return Err(SkillsError::NotFound(name.to_owned()));
        }
        // The owner's word gives a component that hosts died under another chance.
        if state.quarantined.remove(&digest) {
            self.store.pardon(digest).await?;
        }
        match candidate {
            Some(candidate) => {
                let mut rows = state.rows_for(key, &candidate, false);
                rows.retain(|row| !shown.iter().any(|other| other.skill == row.skill));
                rows.extend(shown);
                self.approve(&mut state, key, candidate, "owner", rows)
                    .await?;
            }
            None => self.show(&mut state, shown).await?,
        }
        self.settle(&mut state).await?;
        drop(state);
        self.row(&target)
    }

    /// Hides a skill from every peer, or every skill of a file.
    pub async fn hide(self: &Arc<Self>, name: &str) -> Result<SkillRow, SkillsError> {
        let mut state = self.state.lock().await;
        let target = state.find(name, &self.rules)?;
        let hidden: Vec<VisibilityRow> = state
            .skills_of(&target, &self.rules)
            .into_iter()
            .map(|skill| VisibilityRow {
                exposed: false,
                ..state.visibility(&target.file, &skill)
            })
            .collect();
        self.show(&mut state, hidden).await?;
        self.settle(&mut state).await?;
        drop(state);
        self.row(&target)
    }

    /// Changes what the owner may set for a skill: its least tier and its limits, both within their bounds.
    pub async fn configure(
        self: &Arc<Self>,
        name: &str,
        set: Configure,
    ) -> Result<Configured, SkillsError> {
        let mut state = self.state.lock().await;
        let target = state.find(name, &self.rules)?;
        let approved = state
            .files
            .get(&target.file)
            .and_then(|file| file.record.current.clone());
        let (Some(approved), Some(skill)) = (
            approved,
            state.skills_of(&target, &self.rules).into_iter().next(),
        ) else {
            let why = "it was never approved: expose it first".to_owned();
            return Err(SkillsError::NotReady {
                name: name.to_owned(),
                why,
            });
        };
        let Some(manifest) = approved
            .reviewed
            .manifests
            .iter()
            .find(|manifest| manifest.name == skill)
        else {
            return Err(SkillsError::NotFound(name.to_owned()));
        };
        let mut row = state.visibility(&target.file, &skill);
        if let Some(asked) = set.min_tier {
            if asked < manifest.min_tier {
                let name = skill.to_string();
                return Err(SkillsError::Below {
                    name,
                    least: manifest.min_tier,
                    asked,
                });
            }
            row.tier = Some(asked);
        }
        row.limits.extend(set.limits);
        let over = toml::Table::try_from(&row.limits).map_err(|error| super::TextError::Value {
            key: "limits".to_owned(),
            why: error.to_string(),
        })?;
        self.rules
            .limits
            .check(&overlay(&approved.reviewed.limits, &over)?)?;
        let configured = Configured {
            name: skill.to_string(),
            tier: tier_in_force(manifest.min_tier, row.tier),
            limits: limits_in_force(&self.rules.limits, &approved, Some(&row)),
        };
        self.show(&mut state, vec![row]).await?;
        self.settle(&mut state).await?;
        Ok(configured)
    }

    /// Puts the version in force that was approved before. The one rolled back from waits until it is exposed again.
    pub async fn rollback(self: &Arc<Self>, name: &str) -> Result<RolledBack, SkillsError> {
        let mut state = self.state.lock().await;
        let target = state.find(name, &self.rules)?;
        let no_earlier = || SkillsError::NoEarlier(name.to_owned());
        let file = state.files.get_mut(&target.file).ok_or_else(no_earlier)?;
        let now = file.record.current.clone().ok_or_else(no_earlier)?;
        let before = self
            .store
            .approved_before(now.id)
            .await?
            .ok_or_else(no_earlier)?;
        let (vault, reviewed) = (self.vault.clone(), before.reviewed.clone());
        let there = self.tasks.spawn_blocking(move || {
            if reviewed.body.is_component() {
                vault.read(&reviewed.digest)?;
            }
            match &reviewed.private {
                Some(private) => vault.read_texts(private).map(drop),
                None => Ok(()),
            }
        });
        there
            .await
            .map_err(|_| SkillsError::Stopping)?
            .map_err(SkillsError::Copies)?;
        let held = version(&now.reviewed);
        self.store
            .roll_back(target.file.clone(), before.id, Some(held.clone()))
            .await?;
        let first = before.reviewed.manifests.first();
        let of = target.skill.as_ref().and_then(|skill| {
            before
                .reviewed
                .manifests
                .iter()
                .find(|manifest| manifest.name == *skill)
        });
        let done = RolledBack {
            name: name.to_owned(),
            from: now.reviewed.digest,
            to: before.reviewed.digest,
            version: of.or(first).and_then(|manifest| manifest.version.clone()),
        };
        file.record.current = Some(before);
        file.record.held = Some(held);
        self.settle(&mut state).await?;
        Ok(done)
    }

    /// Returns what a peer of this tier sees, as it gets it.
    pub async fn preview(&self, tier: Tier) -> Vec<Value> {
        self.catalog()
            .seen_by(tier)
            .cards()
            .iter()
            .map(|entry| entry.card.as_ref().clone())
            .collect()
    }

    /// Returns an input to try a skill with: the least that it takes. There is none where no guess fits, or nobody sees it.
    pub fn example(&self, name: &str) -> Option<Value> {
        let catalog = self.catalog();
        catalog
            .seen_by(Tier::Privileged)
            .find(name)?
            .input
            .example()
    }

    /// Returns why a peer with this sight does not find a name; for the owner alone.
    pub async fn classify(&self, name: &str, sight: &Sight) -> &'static str {
        if sight.find(&self.catalog(), name).is_some() {
            return "visible";
        }
        if sight.barred.contains(name) {
            return "barred";
        }
        let rows = self.rows();
        let mut states: Vec<RowState> = rows
            .iter()
            .filter(|row| row.name.as_deref() == Some(name))
            .map(|row| row.state)
            .collect();
        states.sort_unstable();
        match states.first() {
            None | Some(RowState::Broken | RowState::Ignored) => "absent",
            Some(RowState::Exposed) => "too low",
            Some(RowState::Hidden | RowState::Shadowed) => "hidden",
            Some(RowState::Pending | RowState::Compiling) => "pending",
            Some(RowState::Unavailable) => "unavailable",
        }
    }

    /// Returns the rows that wait for the owner, for a prompt.
    pub async fn waiting(&self) -> Vec<SkillRow> {
        let waits = |row: &&SkillRow| {
            row.state == RowState::Pending
                || row
                    .update
                    .as_ref()
                    .is_some_and(|update| update.state == RowState::Pending)
        };
        self.rows().iter().filter(waits).cloned().collect()
    }

    async fn show(&self, state: &mut State, rows: Vec<VisibilityRow>) -> Result<(), SkillsError> {
        self.store.set_visibility(rows.clone()).await?;
        for row in rows {
            if let Ok(skill) = row.skill.parse() {
                state.visible.insert((row.file.clone(), skill), row);
            }
        }
        Ok(())
    }

    pub(crate) fn row(&self, target: &Target) -> Result<SkillRow, SkillsError> {
        let skill = target.skill.as_ref().map(SkillName::as_str);
        self.rows()
            .iter()
            .find(|row| {
                row.file == target.file && (skill.is_none() || row.name.as_deref() == skill)
            })
            .cloned()
            .ok_or_else(|| SkillsError::NotFound(target.file.clone()))
    }
}

impl State {
    /// Returns which skill or file the owner means: a skill's name, `FILE:NAME`, or a file.
    pub(crate) fn find(&self, name: &str, rules: &super::Rules) -> Result<Target, SkillsError> {
        let (file, skill) = match name.rsplit_once(':') {
            Some((file, skill)) if !skill.contains('/') => (Some(file), skill),
            _ => (None, name),
        };
        let mut found: Vec<Target> = Vec::new();
        for key in self
            .present()
            .filter(|key| file.is_none_or(|file| is_called(key, file)))
        {
            let all = Target {
                file: key.clone(),
                skill: None,
            };
            if let Some(skill) = self
                .skills_of(&all, rules)
                .into_iter()
                .find(|known| known.as_str() == skill)
            {
                found.push(Target {
                    file: key.clone(),
                    skill: Some(skill),
                });
            }
        }
        if found.is_empty() && file.is_none() {
            let files = self.present().filter(|key| is_called(key, name));
            found.extend(files.map(|key| Target {
                file: key.clone(),
                skill: None,
            }));
        }
        if found.len() > 1
            && let Some(holder) = self.holder(skill)
        {
            found.retain(|target| target.file == holder);
        }
        match found.len() {
            0 => Err(SkillsError::NotFound(name.to_owned())),
            1 => found
                .pop()
                .ok_or_else(|| SkillsError::NotFound(name.to_owned())),
            _ => Err(SkillsError::Ambiguous {
                name: name.to_owned(),
                files: found.into_iter().map(|target| target.file).collect(),
            }),
        }
    }

    /// Returns the skills a target stands for: approved ones, and those of a state that waits.
    pub(crate) fn skills_of(&self, target: &Target, rules: &super::Rules) -> Vec<SkillName> {
        if let Some(skill) = &target.skill {
            return vec![skill.clone()];
        }
        let mut names: Vec<SkillName> = Vec::new();
        let approved = self
            .files
            .get(&target.file)
            .and_then(|file| file.record.current.as_ref());
        if let Some(approved) = approved {
            names.extend(
                approved
                    .reviewed
                    .manifests
                    .iter()
                    .map(|manifest| manifest.name.clone()),
            );
        }
        if let Standing::Waits(candidate, _) | Standing::Ready(candidate, _) =
            self.standing(&target.file, rules)
        {
            names.extend(
                candidate
                    .reviewed
                    .manifests
                    .into_iter()
                    .map(|manifest| manifest.name),
            );
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns which file that is there serves a name.
    pub(crate) fn holder(&self, name: &str) -> Option<&str> {
        let file = self.names.get(name)?;
        let skill: SkillName = name.parse().ok()?;
        let there = self.files.get(file)?.found.is_some();
        let shown = self
            .visible
            .get(&(file.clone(), skill))
            .is_some_and(|row| row.exposed);
        (there && shown).then_some(file.as_str())
    }

    fn present(&self) -> impl Iterator<Item = &String> {
        self.files
            .iter()
            .filter(|(_, file)| file.found.is_some())
            .map(|(key, _)| key)
    }

    fn visibility(&self, file: &str, skill: &SkillName) -> VisibilityRow {
        let known = self.visible.get(&(file.to_owned(), skill.clone())).cloned();
        known.unwrap_or_else(|| VisibilityRow {
            file: file.to_owned(),
            skill: skill.to_string(),
            exposed: false,
            tier: None,
            limits: serde_json::Map::new(),
        })
    }
}

/// Returns whether the owner may mean this file: by its key, its file name, or the skill's name in it.
fn is_called(key: &str, name: &str) -> bool {
    let base = ["/skill.wasm", "/SKILL.md", "/skill.md"]
        .iter()
        .find_map(|end| key.strip_suffix(end))
        .unwrap_or(key);
    let last = base.rsplit('/').next().unwrap_or(base);
    key == name || base == name || last == name || last.strip_suffix(".wasm") == Some(name)
}

/// Returns whether a text is the beginning of a digest that is long enough to mean it.
pub(crate) fn means(digest: &Digest, text: &str) -> bool {
    text.len() >= 8 && digest.to_string().starts_with(text)
}
