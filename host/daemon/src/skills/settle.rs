//! Acts on how files stand: has components examined, records what may be approved without the owner, and publishes.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::Digest;

use super::publish::WARNINGS;
use super::scan::{Found, Scan};
use super::state::{File, Standing, State};
use super::text::Candidate;
use super::{Skills, SkillsError};
use crate::clock;
use crate::store::{Approve, VisibilityRow};

impl State {
    /// Takes over what a look found. `named` are the places that the owner named at the start, which consents to show
    /// what is there at that moment.
    pub(crate) fn take(&mut self, mut scan: Scan, named: Option<&BTreeSet<PathBuf>>) {
        for (key, file) in &mut self.files {
            let found = scan.files.remove(key);
            if named.is_none() {
                warn(key, file.found.as_ref(), found.as_ref());
            }
            file.found = found;
        }
        for (key, found) in scan.files {
            if named.is_none() {
                warn(&key, None, Some(&found));
            }
            self.files.insert(
                key,
                File {
                    found: Some(found),
                    ..File::default()
                },
            );
        }
        if let Some(named) = named {
            for (key, file) in &mut self.files {
                file.consent |= file.found.is_some()
                    && named.iter().any(|place| Path::new(key).starts_with(place));
            }
        }
        self.files
            .retain(|_, file| file.found.is_some() || file.record != Default::default());
        self.ignored = scan.ignored;
    }

    /// Returns a file as the last look read it.
    pub(crate) fn snapshot(&self, key: &str) -> Option<&super::scan::Snapshot> {
        match self.files.get(key)?.found.as_ref()? {
            Found::Read(snapshot) => Some(snapshot),
            Found::Changing | Found::Broken(_) => None,
        }
    }
}

/// Tells whoever watches the log what the author of a new text should look at. What is there at the start is told with the
/// list of what tiers see.
fn warn(key: &str, before: Option<&Found>, now: Option<&Found>) {
    let package = |found: Option<&Found>| match found {
        Some(Found::Read(snapshot)) => Some(snapshot.package.clone()),
        _ => None,
    };
    let (before, Some(now)) = (package(before), package(now)) else {
        return;
    };
    if before.is_none_or(|before| before.warnings != now.warnings) {
        for warning in now.warnings.iter().take(WARNINGS) {
            tracing::warn!(file = key, warning, "to look at");
        }
    }
}

impl Skills {
    /// Acts on everything that can be acted on now, then publishes.
    pub(crate) async fn settle(self: &Arc<Self>, state: &mut State) -> Result<(), SkillsError> {
        let keys: Vec<String> = state.files.keys().cloned().collect();
        for key in &keys {
            if let Standing::Ready(candidate, how) = state.standing(key, &self.rules) {
                let exposes = self.rules.default_exposed || (how == "serve");
                let rows = state.rows_for(key, &candidate, exposes);
                let trouble = match self.approve(state, key, *candidate, how, rows).await {
                    Ok(()) => None,
                    Err(error) => {
                        tracing::error!(file = key, %error, "an approval could not be recorded");
                        Some(error.to_string())
                    }
                };
                if let Some(file) = state.files.get_mut(key) {
                    file.trouble = trouble;
                }
            }
        }
        for digest in state.unexamined() {
            self.compile(state, digest);
        }
        self.publish(state).await
    }

    /// Records an approval, its copy first, and puts it in force.
    pub(crate) async fn approve(
        &self,
        state: &mut State,
        key: &str,
        candidate: Candidate,
        how: &'static str,
        visibility: Vec<VisibilityRow>,
    ) -> Result<(), SkillsError> {
        let Some(snapshot) = state.snapshot(key).cloned() else {
            return Err(SkillsError::Changed(key.to_owned()));
        };
        let digest = candidate.reviewed.digest;
        let vault = self.vault.clone();
        let texts = snapshot.text.as_deref().unwrap_or_default().to_owned();
        let private = snapshot.package.texts.clone();
        state
            .private
            .extend(private.iter().map(|texts| (texts.digest(), texts.clone())));
        let kept = self.tasks.spawn_blocking(move || {
            if let Some(texts) = private {
                vault.keep_texts(&texts)?;
            }
            if snapshot.body.is_component() {
                let (name, text) = (snapshot.text_name, snapshot.text);
                vault.keep(&digest, text.as_deref().map(|text| (name.as_str(), text)))?;
            }
            Ok(())
        });
        kept.await
            .map_err(|_| SkillsError::Stopping)?
            .map_err(SkillsError::Copies)?;
        let new = Approve {
            file: key.to_owned(),
            reviewed: candidate.reviewed,
            texts,
            how,
            at: clock::now(),
            visibility: visibility.clone(),
        };
        let row = self.store.approve(new).await?;
        tracing::info!(file = key, digest = %digest.short(), how, "approved");
        if let Some(file) = state.files.get_mut(key) {
            file.record.current = Some(row);
            file.record.held = None;
        }
        for row in visibility {
            if let Ok(skill) = row.skill.parse() {
                state.visible.insert((row.file.clone(), skill), row);
            }
        }
        Ok(())
    }

    /// Has a component examined, beside everything else.
    pub(crate) fn compile(self: &Arc<Self>, state: &mut State, digest: Digest) {
        state.compiling.insert(digest);
        self.busy.send_modify(|busy| *busy += 1);
        let skills = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = skills.examined(digest) => {}
                () = skills.tasks.stopped() => {}
            }
            skills
                .busy
                .send_modify(|busy| *busy = busy.saturating_sub(1));
        });
    }

    /// Removes copies that nothing needs any more. Only for who holds the scanner, so that nothing is copied meanwhile.
    pub(crate) async fn tidy(&self, state: &State) {
        let Ok(approved) = self.store.approved_digests().await else {
            return;
        };
        let staged: HashSet<Digest> = state
            .files
            .keys()
            .filter_map(|key| state.snapshot(key))
            .map(|snapshot| snapshot.digest)
            .chain(state.compiling.iter().copied())
            .collect();
        let vault = self.vault.clone();
        let swept = self.tasks.spawn_blocking(move || {
            vault.sweep(&approved.into_iter().collect(), &staged);
        });
        // A copy that could not be removed is removed another time.
        let _ = swept.await;
    }
}
