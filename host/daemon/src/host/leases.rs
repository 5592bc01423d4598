//! Leases as the owner gives them. One that would give nothing is refused with the reason, before it is written down: a
//! peer that gets nothing from it tells nobody.

use std::collections::BTreeSet;

use coworker_core::{PeerId, Span, Tier};

use super::Host;
use crate::clock;
use crate::report::{Failure, printable};
use crate::skills::SkillRow;
use crate::store::LeaseRow;

/// How alike two names are that may have been mistaken for each other.
const ALIKE: f64 = 0.8;

/// The ends of a lease.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) span: Option<Span>,
    pub(super) calls: Option<u32>,
    pub(super) skills: Option<Vec<String>>,
}

impl Ends {
    /// Returns whether a tier without any of them is meant, which is for good.
    pub(super) const fn is_none(&self) -> bool {
        self.span.is_none() && self.calls.is_none() && self.skills.is_none()
    }

    fn check(&self) -> Result<(), Failure> {
        let nothing = |what, hint| Err(Failure::usage(what).hint(hint));
        if self.span.is_some_and(|span| span.0.is_zero()) {
            return nothing(
                "a lease of no time gives nothing",
                "say for how long, as in --for 2h; or use `coworker-host trust revoke` to end what the peer has",
            );
        }
        if self.calls == Some(0) {
            return nothing(
                "a lease of no calls gives nothing",
                "say for how many, as in --calls 10; or use `coworker-host trust revoke` to end what the peer has",
            );
        }
        if self.skills.as_ref().is_some_and(Vec::is_empty) {
            return nothing(
                "a lease for no skills gives nothing",
                "name a skill, or leave --skill out for all",
            );
        }
        Ok(())
    }
}

impl Host {
    /// Returns the lease with these ends, if it gives the peer something.
    pub(super) async fn lease(
        &self,
        peer: &PeerId,
        tier: Tier,
        ends: Ends,
    ) -> Result<LeaseRow, Failure> {
        if tier == Tier::Untrusted {
            return Err(
                Failure::usage("a lease of the tier untrusted gives nothing")
                    .hint("leave out --for, --calls and --skill to block the peer"),
            );
        }
        ends.check()?;
        let row = self.trust.row(peer).filter(|row| !row.blocked);
        let standing = row.map_or(Tier::Untrusted, |row| row.tier);
        if tier <= standing {
            return Err(Failure::failed(format!(
                "the peer is {standing} for good: a lease of {tier} on top gives nothing"
            ))
            .hint(
                "lend a higher tier; or lower what it has first, as in `coworker-host trust set PEER known`",
            ));
        }
        if let Some(skills) = &ends.skills {
            self.check_lent(tier, skills).await?;
        }
        Ok(LeaseRow {
            tier,
            until: ends
                .span
                .map(|span| self.trust.lease_end(span, clock::now())),
            calls_left: ends.calls,
            skills: ends.skills,
        })
    }

    /// Refuses a skill that is not there, or that the lent tier does not show.
    async fn check_lent(&self, tier: Tier, skills: &[String]) -> Result<(), Failure> {
        let rows = self.skills.list().await;
        let named = rows.iter().filter_map(|row| row.name.clone());
        let mut there: BTreeSet<String> = named.collect();
        if !self.serving {
            // `serve PATH` shows skills that a command does not look at: their names are on record.
            let records = self.store.approvals().await?;
            there.extend(records.visibility.into_iter().map(|row| row.skill));
        }
        for skill in skills {
            if !there.contains(skill) {
                return Err(absent(skill, &there));
            }
            let tiers = rows.iter().filter(|row| is_of(row, skill));
            if let Some(least) = tiers.filter_map(|row| row.tier).min()
                && least > tier
            {
                return Err(Failure::failed(format!(
                    "the skill {skill} is for peers that are {least}: a lease of {tier} does not show it"
                ))
                .hint(format!("lend {least}, or leave the skill out")));
            }
        }
        Ok(())
    }
}

fn is_of(row: &SkillRow, skill: &str) -> bool {
    row.name.as_deref() == Some(skill)
}

fn absent(skill: &str, there: &BTreeSet<String>) -> Failure {
    let near = there
        .iter()
        .map(|name| (strsim::jaro_winkler(name, skill), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let failure = Failure::failed(format!("there is no skill {}", printable(skill)));
    match near {
        Some((_, near)) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("run `coworker-host skills list` to see those there are"),
    }
}
