//! Shows the owner everything about one skill, as it would be approved.

use coworker_core::approval::{
    Reason, Reviewed, Update, UpdatePolicy, beyond, changes, judge_update, tier_in_force,
};
use coworker_core::{Body, Digest, Entry, Grants, GuardRule};

use super::owner::{Target, means};
use super::package::ALONE;
use super::publish::limits_in_force;
use super::row::{ChangeRow, Inspection, PrivateRow};
use super::state::{Outcome, Standing, State, token};
use super::{Skills, SkillsError};

impl Skills {
    /// Returns everything about a skill: of the state that waits for the owner, if one does, else of the one in force.
    /// With `diff`, compares it with another skill or file, or with an earlier component by its digest.
    pub async fn inspect(&self, name: &str, diff: Option<&str>) -> Result<Inspection, SkillsError> {
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
            // Nothing can be shown of a file that is no skill but the reason, which is in its row.
            return Ok(Inspection::bare(self.row(&target)?));
        };
        let previous = match &current {
            Some(row) => self
                .store
                .approved_before(row.id)
                .await?
                .map(|row| row.reviewed.digest),
            None => None,
        };
        let policy = UpdatePolicy {
            review_all: self.rules.review_all,
            dev: self.rules.dev,
        };
        let compared = match (diff, &current, &waits) {
            (Some(other), _, _) => {
                let other = self.other(&state, &target, other).await?;
                Some(change_rows(&reviewed, &other, policy))
            }
            (None, Some(row), Some(waits)) => Some(change_rows(&row.reviewed, waits, policy)),
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
            (Body::Component, Some(Outcome::Known(examined))) => examined.ceiling.sentences.clone(),
            (Body::Component, _) => Vec::new(),
            (Body::Model, _) => vec![ALONE.to_owned()],
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
            guard: reviewed.guard.clone(),
            warnings: package
                .as_ref()
                .map(|package| package.warnings.clone())
                .unwrap_or_default(),
            imports: reviewed.imports.clone(),
            ceiling,
            asks: beyond(&Grants::default(), &reviewed.grants),
            granted: current
                .as_ref()
                .map(|row| row.reviewed.grants.clone())
                .unwrap_or_default(),
            limits,
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
            asked: reviewed.grants,
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

impl Inspection {
    fn bare(row: super::SkillRow) -> Self {
        Self {
            row,
            card: None,
            body: Body::default(),
            texts: Vec::new(),
            guard: GuardRule::default(),
            warnings: Vec::new(),
            imports: Vec::new(),
            ceiling: Vec::new(),
            asked: Grants::default(),
            asks: Vec::new(),
            granted: Grants::default(),
            limits: Default::default(),
            previous: None,
            approved_at: None,
            approved_by: None,
            review: String::new(),
            together: Vec::new(),
            changes: None,
        }
    }
}

/// Returns every difference, and whether it makes an update wait.
pub(crate) fn change_rows(old: &Reviewed, new: &Reviewed, policy: UpdatePolicy) -> Vec<ChangeRow> {
    let reasons = match judge_update(old, new, policy) {
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
