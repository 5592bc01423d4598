//! Makes the catalog and the owner's list from how files stand. What is not there, not approved, hidden or unable to run
//! is not in the catalog at all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use coworker_core::approval::tier_in_force;
use coworker_core::{Body, Catalog, Digest, Entry, Grants, Limits, Manifest, SkillName};

use super::row::{RowState, SkillRow, UpdateRow};
use super::state::{File, Outcome, Standing, State};
use super::text::{overlay, real_folder};
use super::{Skills, SkillsError};
use crate::store::{ApprovalRow, VisibilityRow};

/// How many of a text's warnings the owner reads in lists; `wrap` says all.
pub(super) const WARNINGS: usize = 20;

impl Skills {
    /// Works out what is served and what the owner reads, and lets everybody have it.
    pub(crate) async fn publish(&self, state: &mut State) -> Result<(), SkillsError> {
        self.bring_texts(state).await?;
        let names = state.serving();
        let fresh: Vec<(String, String)> = names
            .iter()
            .filter(|(name, file)| state.names.get(*name) != Some(*file))
            .map(|(name, file)| (name.clone(), file.clone()))
            .collect();
        if !fresh.is_empty() {
            self.store.set_names(fresh.clone()).await?;
            state.names.extend(fresh);
        }
        let mut rows = Vec::new();
        let mut entries = Vec::new();
        let mut kept = HashMap::new();
        let mut runnable = HashSet::new();
        for (key, file) in state.files.iter().filter(|(_, file)| file.found.is_some()) {
            let standing = state.standing(key, &self.rules);
            let Some(approved) = &file.record.current else {
                rows_of_new(key, &standing, file, &mut rows);
                continue;
            };
            let update = update_row(&standing, file);
            let unable = self.unable(state, approved);
            let digest = approved.reviewed.digest;
            for manifest in &approved.reviewed.manifests {
                let place = (key.clone(), manifest.name.clone());
                let visible = state.visible.get(&place);
                let mut manifest = manifest.clone();
                manifest.min_tier =
                    tier_in_force(manifest.min_tier, visible.and_then(|row| row.tier));
                let tier = manifest.min_tier;
                let holder = names
                    .get(manifest.name.as_str())
                    .filter(|holder| *holder != key);
                let mut row = SkillRow {
                    name: Some(manifest.name.to_string()),
                    file: key.clone(),
                    state: RowState::Exposed,
                    reason: None,
                    version: manifest.version.clone(),
                    tier: Some(tier),
                    digest: Some(digest),
                    update: update.clone(),
                    warnings: Vec::new(),
                };
                if let Some(why) = &unable {
                    (row.state, row.reason) = (RowState::Unavailable, Some(why.clone()));
                } else if let Some(holder) = holder {
                    (row.state, row.reason) = (
                        RowState::Shadowed,
                        Some(format!("{holder} serves this name")),
                    );
                } else if !visible.is_some_and(|row| row.exposed) {
                    let other = state.known_elsewhere(key, &manifest.name);
                    row.state = RowState::Hidden;
                    row.reason = other.map(|other| format!("{other} offers this name too"));
                } else {
                    let limits = limits_in_force(&self.rules.limits, approved, visible);
                    let made_of = (approved.id, tier, limits);
                    match state.entry(&place, made_of, manifest, approved, &self.rules.quotable) {
                        Ok(entry) => {
                            runnable.insert(digest);
                            kept.insert(place, (made_of, entry.clone()));
                            entries.push(entry);
                        }
                        Err(why) => (row.state, row.reason) = (RowState::Unavailable, Some(why)),
                    }
                }
                rows.push(row);
            }
            if let Standing::Waits(candidate, reasons) = &standing {
                let fresh = candidate.reviewed.manifests.iter().filter(|manifest| {
                    !approved
                        .reviewed
                        .manifests
                        .iter()
                        .any(|other| other.name == manifest.name)
                });
                rows.extend(
                    fresh
                        .map(|manifest| pending(key, manifest, candidate.reviewed.digest, reasons)),
                );
            }
        }
        for row in &mut rows {
            if let Some(read) = state.snapshot(&row.file) {
                row.warnings = read
                    .package
                    .warnings
                    .iter()
                    .take(WARNINGS)
                    .cloned()
                    .collect();
            }
        }
        rows.extend(
            state
                .ignored
                .iter()
                .map(|(file, why)| bare(file, RowState::Ignored, Some(why.clone()), None)),
        );
        state.entries = kept;
        self.ready.retain(|digest| runnable.contains(digest));
        // What served until now may still be asked for, by a call that was let in a moment ago.
        self.runnable
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(runnable);
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rows);
        self.catalog.send_if_modified(|catalog| {
            let changed = !same(catalog, &entries);
            if changed {
                *catalog = Arc::new(Catalog::new(entries));
            }
            changed
        });
        Ok(())
    }

    /// Has the private texts of everything that is approved and there in memory, and no others.
    async fn bring_texts(&self, state: &mut State) -> Result<(), SkillsError> {
        let mut known = std::mem::take(&mut state.private);
        let mut missing = Vec::new();
        for (key, file) in state.files.iter().filter(|(_, file)| file.found.is_some()) {
            let staged = state
                .snapshot(key)
                .and_then(|read| read.package.texts.clone());
            let approved = file.record.current.as_ref();
            let Some(wanted) = approved.and_then(|row| row.reviewed.private) else {
                continue;
            };
            match known
                .remove(&wanted)
                .or_else(|| state.private.get(&wanted).cloned())
            {
                Some(texts) => drop(state.private.insert(wanted, texts)),
                None => match staged.filter(|texts| texts.digest() == wanted) {
                    Some(texts) => drop(state.private.insert(wanted, texts)),
                    None => missing.push(wanted),
                },
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let vault = self.vault.clone();
        let read = self.tasks.spawn_blocking(move || {
            let read = missing
                .into_iter()
                .map(|digest| (digest, vault.read_texts(&digest)));
            read.collect::<Vec<_>>()
        });
        for (digest, texts) in read.await.map_err(|_| SkillsError::Stopping)? {
            match texts {
                Ok(texts) => drop(state.private.insert(digest, Arc::new(texts))),
                Err(error) => {
                    tracing::error!(digest = %digest.short(), %error, "private texts cannot be read");
                }
            }
        }
        Ok(())
    }

    /// Returns why an approved skill cannot run, if it cannot.
    fn unable(&self, state: &State, approved: &ApprovalRow) -> Option<String> {
        let digest = &approved.reviewed.digest;
        // A text that a model answers runs nothing here: whatever ended the host, it was not the text.
        let runs = approved.reviewed.body == Body::Component;
        if runs && state.quarantined.contains(digest) {
            return Some("the host died while it was running, three times".to_owned());
        }
        if approved.reviewed.body.is_component() {
            match state.examined.get(digest) {
                Some(Outcome::Known(_)) => {}
                Some(Outcome::Failed(why) | Outcome::Broke(why)) => return Some(why.clone()),
                None => {
                    if let Some(delay) = state.delay(digest) {
                        return Some(delay.why.clone());
                    }
                    return Some("it is being compiled for this version of the host".to_owned());
                }
            }
            if !self.vault.has(digest) {
                return Some(
                    "its approved copy is gone, and the file holds something else".to_owned(),
                );
            }
        }
        if let Some(private) = &approved.reviewed.private {
            let Some(texts) = state.private.get(private) else {
                return Some(
                    "the copy of its private texts is gone, and the file holds others".to_owned(),
                );
            };
            // A component without the grant asks no model, whatever lies beside it.
            let asks = approved.reviewed.body == Body::Model || approved.reviewed.grants.llm;
            let why = texts
                .slots()
                .filter(|_| asks)
                .find_map(|(_, slot)| self.models.why_unavailable(&slot.wish));
            if why.is_some() {
                return why;
            }
        }
        self.unreachable(&approved.reviewed.grants)
    }

    /// Returns why a folder that was granted must not be opened now. What is mounted, and where, may have changed since it
    /// was approved, so this is asked again before every call.
    pub(crate) fn unreachable(&self, grants: &Grants) -> Option<String> {
        for grant in &grants.fs {
            match real_folder(&grant.host, &self.rules.ours()) {
                Ok(real) if real == grant.host => {}
                Ok(_) => return Some(format!("the folder {:?} now leads elsewhere", grant.host)),
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }
}

impl State {
    /// Returns which file serves each exposed name: the one that did, as long as it is there.
    fn serving(&self) -> BTreeMap<String, String> {
        let mut offers: BTreeMap<&SkillName, Vec<(i64, &String)>> = BTreeMap::new();
        for (key, file) in self.files.iter().filter(|(_, file)| file.found.is_some()) {
            let Some(approved) = &file.record.current else {
                continue;
            };
            for manifest in &approved.reviewed.manifests {
                let shown = self.visible.get(&(key.clone(), manifest.name.clone()));
                if shown.is_some_and(|row| row.exposed) {
                    offers
                        .entry(&manifest.name)
                        .or_default()
                        .push((approved.id, key));
                }
            }
        }
        let mut serving = BTreeMap::new();
        for (name, files) in offers {
            let held = self
                .names
                .get(name.as_str())
                .filter(|held| files.iter().any(|(_, file)| file == held));
            if let Some(file) = held.or_else(|| files.iter().min().map(|(_, file)| *file)) {
                serving.insert(name.to_string(), file.clone());
            }
        }
        serving
    }

    /// Returns the entry of a skill, made anew only if something in it changed.
    fn entry(
        &self,
        place: &(String, SkillName),
        made_of: super::state::EntryKey,
        manifest: Manifest,
        approved: &ApprovalRow,
        quotable: &[String],
    ) -> Result<Arc<Entry>, String> {
        match self.entries.get(place) {
            Some((before, entry)) if *before == made_of => Ok(entry.clone()),
            _ => {
                let reviewed = &approved.reviewed;
                let (.., limits) = made_of;
                let entry = Entry::new(manifest, reviewed.digest, reviewed.grants.clone(), limits)
                    .map_err(|error| error.to_string())?;
                let private = reviewed.private.and_then(|of| self.private.get(&of));
                Ok(Arc::new(match private {
                    Some(texts) => entry
                        .with_private(reviewed.body, texts.clone())
                        .with_guard(reviewed.guard.clone().with_public(quotable)),
                    None => entry,
                }))
            }
        }
    }
}

/// Returns the limits of an approved skill with what the owner set, never above the ceilings of today.
pub(crate) fn limits_in_force(
    config: &crate::config::LimitsConfig,
    approved: &ApprovalRow,
    visible: Option<&VisibilityRow>,
) -> Limits {
    let base = approved.reviewed.limits;
    let set = visible.and_then(|row| toml::Table::try_from(&row.limits).ok());
    // What the owner set was checked when it was set.
    let limits = set
        .and_then(|set| overlay(&base, &set).ok())
        .unwrap_or(base);
    config.clamp(&limits)
}

fn rows_of_new(key: &str, standing: &Standing, file: &File, rows: &mut Vec<SkillRow>) {
    match standing {
        Standing::Gone | Standing::Same => {}
        Standing::Compiling(why) => rows.push(bare(
            key,
            RowState::Compiling,
            Some(why.clone()),
            file.digest(),
        )),
        Standing::Broken(why) => rows.push(bare(
            key,
            RowState::Broken,
            Some(why.clone()),
            file.digest(),
        )),
        Standing::Waits(candidate, reasons) => {
            let reviewed = &candidate.reviewed;
            rows.extend(
                reviewed
                    .manifests
                    .iter()
                    .map(|manifest| pending(key, manifest, reviewed.digest, reasons)),
            );
        }
        Standing::Ready(candidate, _) => {
            let reasons: Vec<String> = file.trouble.iter().cloned().collect();
            let reviewed = &candidate.reviewed;
            rows.extend(
                reviewed
                    .manifests
                    .iter()
                    .map(|manifest| pending(key, manifest, reviewed.digest, &reasons)),
            );
        }
    }
}

fn pending(key: &str, manifest: &Manifest, digest: Digest, reasons: &[String]) -> SkillRow {
    SkillRow {
        name: Some(manifest.name.to_string()),
        version: manifest.version.clone(),
        tier: Some(tier_in_force(manifest.min_tier, None)),
        ..bare(
            key,
            RowState::Pending,
            Some(reasons.join("; ")),
            Some(digest),
        )
    }
}

fn bare(file: &str, state: RowState, reason: Option<String>, digest: Option<Digest>) -> SkillRow {
    SkillRow {
        name: None,
        file: file.to_owned(),
        state,
        reason,
        version: None,
        tier: None,
        digest,
        update: None,
        warnings: Vec::new(),
    }
}

fn update_row(standing: &Standing, file: &File) -> Option<UpdateRow> {
    let (state, reasons) = match standing {
        Standing::Gone | Standing::Same => return None,
        Standing::Compiling(why) => (RowState::Compiling, vec![why.clone()]),
        Standing::Broken(why) => (RowState::Broken, vec![why.clone()]),
        Standing::Waits(_, reasons) => (RowState::Pending, reasons.clone()),
        Standing::Ready(..) => (RowState::Pending, file.trouble.iter().cloned().collect()),
    };
    Some(UpdateRow {
        state,
        digest: file.digest(),
        reasons,
    })
}

fn same(catalog: &Catalog, entries: &[Arc<Entry>]) -> bool {
    let served = catalog.seen_by(coworker_core::Tier::Privileged).cards();
    let known: HashSet<_> = served.iter().map(Arc::as_ptr).collect();
    served.len() == entries.len()
        && entries
            .iter()
            .all(|entry| known.contains(&Arc::as_ptr(entry)))
}

impl File {
    fn digest(&self) -> Option<Digest> {
        match &self.found {
            Some(super::scan::Found::Read(snapshot)) => Some(snapshot.digest),
            _ => None,
        }
    }
}
