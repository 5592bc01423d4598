//! Shows the owner everything about one skill, as it would be approved.

use std::sync::Arc;

use coworker_core::approval::{
    Reason, Reviewed, Update, UpdatePolicy, changes, judge_update, tier_in_force,
};
use coworker_core::{Body, Digest, Entry, Grants, GuardRule, Limits, SkillName};

use super::owner::{Target, means};
use super::package::ALONE;
use super::publish::limits_in_force;
use super::row::{ChangeRow, Inspection, PrivateRow, SkillRow};
use super::state::{Outcome, Standing, State, token};
use super::text::{self, Wishes};
use super::{Skills, SkillsError};

impl Skills {
    /// Returns everything about a skill: of the state that waits for the owner, if one does, else of the one in force.
    /// With `diff`, compares it with another skill or file, or with an earlier component by its digest.
    pub async fn inspect(
        self: &Arc<Self>,
        name: &str,
        diff: Option<&str>,
    ) -> Result<Inspection, SkillsError> {
        self.look_again(name, false).await?;
        let state = self.state.lock().await;
        let target = state.find(name, &self.rules)?;
        let file = state
            .files
            .get(&target.file)
            .ok_or_else(|| SkillsError::NotFound(name.to_owned()))?;
        let current = file.record.current.clone();
        let waits = match state.standing(&target.file, &self.rules) {
            Standing::Waits(candidate, _) | Standing::Ready(candidate, _) => {
                Some(candidate.reviewed)
            }
            _ => None,
        };
        let reviewed = waits
            .clone()
            .or_else(|| current.as_ref().map(|row| row.reviewed.clone()));
        let Some(reviewed) = reviewed else {
            return Ok(unserved(&state, &target, self.row(&target)?));
        };
        let previous = match &current {
            Some(row) => self
                .store
                .approved_before(row.id)
                .await?
                .map(|row| row.reviewed.digest),
            None => None,
        };
        let change_rows = |old: &Reviewed, new: &Reviewed| {
            change_rows(old, new, &self.rules.usual(new), self.rules.policy())
        };
        let compared = match (diff, &current, &waits) {
            (Some(other), _, _) => {
                let other = self.other(&state, &target, other).await?;
                Some(change_rows(&reviewed, &other))
            }
            (None, Some(row), Some(waits)) => Some(change_rows(&row.reviewed, waits)),
            _ => None,
        };
        let skill = target.skill.as_ref();
        let manifest = reviewed
            .manifests
            .iter()
            .find(|manifest| skill.is_none_or(|skill| manifest.name == *skill));
        let visible = manifest.and_then(|manifest| {
            state
                .visible
                .get(&(target.file.clone(), manifest.name.clone()))
        });
        let limits = match (&waits, &current) {
            (None, Some(row)) => limits_in_force(&self.rules.limits, row, visible),
            _ => reviewed.limits,
        };
        let card = manifest.cloned().and_then(|mut manifest| {
            manifest.min_tier = tier_in_force(manifest.min_tier, visible.and_then(|row| row.tier));
            let entry = Entry::new(manifest, reviewed.digest, Grants::default(), limits).ok()?;
            Some(entry.card.as_ref().clone())
        });
        let package = state
            .snapshot(&target.file)
            .map(|read| read.package.clone());
        let ceiling = match (reviewed.body, state.examined.get(&reviewed.digest)) {
            (Body::Component, Some(Outcome::Known(examined))) => {
                Some(examined.ceiling.sentences.clone())
            }
            (Body::Component, _) => None,
            (Body::Model, _) => Some(vec![ALONE.to_owned()]),
        };
        let texts = reviewed.private.and_then(|wanted| {
            let staged = package.iter().filter_map(|package| package.texts.as_ref());
            let mut all = staged.chain(state.private.get(&wanted));
            all.find(|texts| texts.digest() == wanted)
        });
        Ok(Inspection {
            row: self.row(&target)?,
            card,
            body: reviewed.body,
            texts: texts.map(|texts| PrivateRow::of(texts)).unwrap_or_default(),
            guard: reviewed.guard.clone().with_public(&self.rules.quotable),
            imports: Some(reviewed.imports.clone()),
            ceiling,
            asks: Some(text::asks(&reviewed, &self.rules.limits)),
            granted: current
                .as_ref()
                .map(|row| row.reviewed.grants.clone())
                .unwrap_or_default(),
            limits: Some(limits),
            previous,
            approved_at: current.as_ref().map(|row| row.at),
            approved_by: current.map(|row| row.how),
            review: token(&reviewed),
            together: reviewed
                .manifests
                .iter()
                .map(|manifest| manifest.name.to_string())
                .collect(),
            changes: compared,
            asked: Some(reviewed.grants),
        })
    }

    /// Returns what the owner compares with.
    async fn other(
        &self,
        state: &State,
        target: &Target,
        other: &str,
    ) -> Result<Reviewed, SkillsError> {
        if let Some(found) = self.earlier(state, target, other).await? {
            return Ok(found);
        }
        let found = state.find(other, &self.rules)?;
        let current = state
            .files
            .get(&found.file)
            .and_then(|file| file.record.current.as_ref());
        match state.standing(&found.file, &self.rules) {
            Standing::Waits(candidate, _) | Standing::Ready(candidate, _) => Ok(candidate.reviewed),
            _ => current
                .map(|row| row.reviewed.clone())
                .ok_or_else(|| SkillsError::NotFound(other.to_owned())),
        }
    }

    /// Returns the version of this file whose component has this digest, if one was approved.
    async fn earlier(
        &self,
        state: &State,
        target: &Target,
        digest: &str,
    ) -> Result<Option<Reviewed>, SkillsError> {
        let mut row = state
            .files
            .get(&target.file)
            .and_then(|file| file.record.current.clone());
        while let Some(version) = row {
            let of: Digest = version.reviewed.digest;
            let private = version.reviewed.private;
            if means(&of, digest) || private.is_some_and(|of| means(&of, digest)) {
                return Ok(Some(version.reviewed));
            }
            row = self.store.approved_before(version.id).await?;
        }
        Ok(None)
    }
}

/// Shows what is known of a file of which nothing can be approved as it is: what was found in it, and what is asked for
/// beside it. Why it does not serve is in its row.
fn unserved(state: &State, target: &Target, row: SkillRow) -> Inspection {
    let read = state.snapshot(&target.file);
    let found = read.and_then(|read| match state.examined.get(&read.digest) {
        Some(Outcome::Known(examined)) if read.body.is_component() => Some(examined),
        _ => None,
    });
    let wishes = read.and_then(|read| match &read.text {
        Some(text) => text::read(text).ok(),
        None => Some(Wishes::default()),
    });
    let manifest = found.and_then(|found| {
        let is_meant = |skill: &SkillName| target.skill.as_ref().is_none_or(|name| name == skill);
        found
            .manifests
            .iter()
            .find(|manifest| is_meant(&manifest.name))
    });
    let card = read.zip(manifest).and_then(|(read, manifest)| {
        let (grants, limits) = (Grants::default(), Limits::default());
        let entry = Entry::new(manifest.clone(), read.digest, grants, limits).ok()?;
        Some(entry.card.as_ref().clone())
    });
    let names = found.iter().flat_map(|found| &found.manifests);
    Inspection {
        row,
        card,
        body: read.map(|read| read.body).unwrap_or_default(),
        texts: Vec::new(),
        guard: GuardRule::default(),
        imports: found.map(|found| found.imports.clone()),
        ceiling: found.map(|found| found.ceiling.sentences.clone()),
        asks: wishes.as_ref().map(Wishes::asks),
        asked: wishes.map(|wishes| wishes.grants),
        granted: Grants::default(),
        limits: None,
        previous: None,
        approved_at: None,
        approved_by: None,
        review: String::new(),
        together: names.map(|manifest| manifest.name.to_string()).collect(),
        changes: None,
    }
}

/// Returns every difference, and whether it makes an update wait.
pub(crate) fn change_rows(
    old: &Reviewed,
    new: &Reviewed,
    usual: &Limits,
    policy: UpdatePolicy,
) -> Vec<ChangeRow> {
    let reasons = match judge_update(old, new, usual, policy) {
        Update::Swap => Vec::new(),
        Update::Wait(reasons) => reasons,
    };
    let mut rows: Vec<ChangeRow> = changes(old, new)
        .into_iter()
        .map(|change| {
            let (from, to) = change.sides();
            let what = change.to_string();
            ChangeRow {
                what,
                from,
                to,
                waits: reasons.contains(&Reason::Beyond(change)),
            }
        })
        .collect();
    let rules = reasons
        .iter()
        .filter(|reason| !matches!(reason, Reason::Beyond(_)));
    rows.extend(rules.map(|reason| ChangeRow {
        what: reason.to_string(),
        from: None,
        to: None,
        waits: true,
    }));
    rows
}
