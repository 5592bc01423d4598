//! How every file stands: worked out from what the last look found, what components were found to be, and what is on
//! record. Nothing here reads a skill file or writes a record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use coworker_core::approval::{Reviewed, Update, judge_update};
use coworker_core::{Body, Digest, Entry, PrivateTexts, SkillName};
use coworker_sandbox::Examined;

use tokio::time::Instant;

use super::rules::Rules;
use super::scan::{Found, Snapshot};
use super::text::{self, Candidate, Wishes};
use super::wrap::private_in_cards;
use crate::store::{ApprovalRecords, FileRow, VisibilityRow};

/// In how many starts a look may break off, where the machine may be to blame, before the component is.
pub(crate) const BREAKS: u32 = 3;
/// How many private lines in cards the owner is told of; `wrap` tells all.
const LINES: usize = 3;

/// What a component was found to be.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// A skill.
    Known(Arc<Examined>),
    /// None, and why.
    Failed(String),
    /// It broke the process that looked, and is looked at again where the owner asks for it.
    Broke(String),
}

/// Why a component could not be looked at, and when it is again.
#[derive(Debug, Clone)]
pub(crate) struct Delay {
    /// Why, for the owner.
    pub(crate) why: String,
    /// How many looks of this run ended so.
    pub(crate) looks: u32,
    /// When to look again; none leaves it to the next start and the owner.
    pub(crate) again: Option<Instant>,
}

/// One file.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// What the last look found; absent if the file is gone.
    pub(crate) found: Option<Found>,
    /// What is on record.
    pub(crate) record: FileRow,
    /// Whether the owner named the place when the host started.
    pub(crate) consent: bool,
    /// Why the last approval could not be recorded.
    pub(crate) trouble: Option<String>,
}

/// Everything known at one moment.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) ignored: Vec<(String, String)>,
    pub(crate) examined: HashMap<Digest, Outcome>,
    /// Components that could not be looked at for reasons of ours.
    pub(crate) delayed: HashMap<Digest, Delay>,
    /// In how many earlier starts looks at a component broke off.
    pub(crate) broke: HashMap<Digest, u32>,
    pub(crate) compiling: HashSet<Digest>,
    pub(crate) visible: BTreeMap<(String, SkillName), VisibilityRow>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) quarantined: HashSet<Digest>,
    /// Private texts that are approved, or would be, by their digest.
    pub(crate) private: HashMap<Digest, Arc<PrivateTexts>>,
    pub(crate) entries: HashMap<(String, SkillName), (EntryKey, Arc<Entry>)>,
}

/// What an entry was made of.
pub(crate) type EntryKey = (i64, coworker_core::Tier, coworker_core::Limits);

/// How what a file holds now stands against what is approved.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// There is no file.
    Gone,
    /// It is being read or compiled.
    Compiling(String),
    /// It cannot be a skill as it is.
    Broken(String),
    /// It is what is approved.
    Same,
    /// It may serve at once.
    Ready(Box<Candidate>, &'static str),
    /// It waits for the owner, for these reasons.
    Waits(Box<Candidate>, Vec<String>),
}

impl Delay {
    /// Returns whether it is time for another look.
    fn is_over(&self) -> bool {
        self.again.is_some_and(|again| again <= Instant::now())
    }
}

impl State {
    /// Takes over what is on record.
    pub(crate) fn load(records: ApprovalRecords, host: &str) -> Self {
        let mut state = Self::default();
        for row in records.examined {
            // Another version may judge otherwise, and its compiled code is of no use here.
            if row.host != host {
                continue;
            }
            let outcome = match row.outcome {
                Ok(found) => match serde_json::from_str(&found) {
                    Ok(examined) => Outcome::Known(Arc::new(examined)),
                    Err(_) => continue,
                },
                Err(_) if (1..BREAKS).contains(&row.broke) => {
                    state.broke.insert(row.digest, row.broke);
                    continue;
                }
                Err(why) if row.broke > 0 => Outcome::Broke(why),
                Err(why) => Outcome::Failed(why),
            };
            state.examined.insert(row.digest, outcome);
        }
        for (key, record) in records.files {
            state.files.insert(
                key,
                File {
                    record,
                    ..File::default()
                },
            );
        }
        for row in records.visibility {
            if let Ok(skill) = row.skill.parse() {
                state.visible.insert((row.file.clone(), skill), row);
            }
        }
        state.names = records.names.into_iter().collect();
        state
    }

    /// Returns every file of which something is approved.
    pub(crate) fn approved(&self) -> impl Iterator<Item = &String> {
        let approved = self
            .files
            .iter()
            .filter(|(_, file)| file.record.current.is_some());
        approved.map(|(key, _)| key)
    }

    /// Returns how a file stands.
    pub(crate) fn standing(&self, key: &str, rules: &Rules) -> Standing {
        let Some(file) = self.files.get(key) else {
            return Standing::Gone;
        };
        let snapshot = match &file.found {
            None => return Standing::Gone,
            Some(Found::Changing) => {
                return Standing::Compiling("it is still being written".to_owned());
            }
            Some(Found::Broken(why)) => return Standing::Broken(why.clone()),
            Some(Found::Read(snapshot)) => snapshot,
        };
        let candidate = match self.candidate(snapshot, rules) {
            Ok(candidate) => candidate,
            Err(standing) => return standing,
        };
        let Some(approved) = &file.record.current else {
            return looked_at(first(file, candidate, rules), snapshot);
        };
        if approved.reviewed == candidate.reviewed {
            return Standing::Same;
        }
        if file.record.held.as_deref() == Some(version(&candidate.reviewed).as_str()) {
            let why = "it was rolled back, and waits until it is exposed again".to_owned();
            return Standing::Waits(candidate, vec![why]);
        }
        let usual = rules.usual(&candidate.reviewed);
        let judged = judge_update(
            &approved.reviewed,
            &candidate.reviewed,
            &usual,
            rules.policy(),
        );
        let standing = match judged {
            Update::Swap => Standing::Ready(candidate, "update"),
            Update::Wait(reasons) => {
                let reasons = reasons.iter().map(ToString::to_string);
                Standing::Waits(candidate, reasons.collect())
            }
        };
        looked_at(standing, snapshot)
    }

    /// Returns what approving a snapshot would approve.
    fn candidate(&self, snapshot: &Snapshot, rules: &Rules) -> Result<Box<Candidate>, Standing> {
        let examined = match snapshot.body {
            Body::Component => self.component(&snapshot.digest)?,
            Body::Model => {
                let (_, examined) = snapshot.package.serve_alone().map_err(Standing::Broken)?;
                Arc::new(examined)
            }
        };
        let wishes = match &snapshot.text {
            Some(text) => text::read(text),
            None => Ok(Wishes::default()),
        };
        wishes
            .and_then(|wishes| {
                let skill = (snapshot.body, examined.as_ref(), snapshot.package.as_ref());
                text::review(skill, &wishes, &rules.limits, &rules.ours())
            })
            .map(Box::new)
            .map_err(|error| Standing::Broken(format!("{}: {error}", snapshot.text_name)))
    }

    /// Returns what a component was found to be.
    fn component(&self, digest: &Digest) -> Result<Arc<Examined>, Standing> {
        match self.examined.get(digest) {
            Some(Outcome::Known(examined)) => Ok(examined.clone()),
            Some(Outcome::Failed(why) | Outcome::Broke(why)) => Err(Standing::Broken(why.clone())),
            None => Err(match self.delay(digest) {
                Some(delay) => Standing::Broken(delay.why.clone()),
                None => Standing::Compiling("it is being compiled".to_owned()),
            }),
        }
    }

    /// Returns why a component is not being looked at, if it waits for another look.
    pub(crate) fn delay(&self, digest: &Digest) -> Option<&Delay> {
        self.delayed
            .get(digest)
            .filter(|_| !self.compiling.contains(digest))
    }

    /// Returns whether another file that is there was approved with a skill of that name.
    pub(crate) fn known_elsewhere(&self, key: &str, name: &SkillName) -> Option<&str> {
        self.files.iter().find_map(|(other, file)| {
            let holds = other != key
                && file.found.is_some()
                && file.record.current.as_ref().is_some_and(|approved| {
                    approved
                        .reviewed
                        .manifests
                        .iter()
                        .any(|manifest| manifest.name == *name)
                });
            holds.then_some(other.as_str())
        })
    }

    /// Returns the rows that approving a candidate adds: every skill without one gets its own, so that a skill that
    /// appears later is never shown by an old decision.
    pub(crate) fn rows_for(
        &self,
        key: &str,
        candidate: &Candidate,
        exposes: bool,
    ) -> Vec<VisibilityRow> {
        let fresh = candidate.reviewed.manifests.iter().filter(|manifest| {
            !self
                .visible
                .contains_key(&(key.to_owned(), manifest.name.clone()))
        });
        fresh
            .map(|manifest| VisibilityRow {
                file: key.to_owned(),
                skill: manifest.name.to_string(),
                exposed: exposes
                    && !candidate.hidden.contains(&manifest.name)
                    && self.known_elsewhere(key, &manifest.name).is_none(),
                tier: None,
                limits: serde_json::Map::new(),
            })
            .collect()
    }

    /// Returns components that have to be looked at before anything can be said of a file or an approval.
    pub(crate) fn unexamined(&self) -> BTreeSet<Digest> {
        let mut wanted = BTreeSet::new();
        for file in self.files.values().filter(|file| file.found.is_some()) {
            if let Some(Found::Read(snapshot)) = &file.found
                && snapshot.body.is_component()
            {
                wanted.insert(snapshot.digest);
            }
            let approved = file.record.current.as_ref().map(|row| &row.reviewed);
            wanted.extend(
                approved
                    .filter(|reviewed| reviewed.body.is_component())
                    .map(|reviewed| reviewed.digest),
            );
        }
        wanted.retain(|digest| {
            !self.examined.contains_key(digest)
                && !self.compiling.contains(digest)
                && self.delayed.get(digest).is_none_or(Delay::is_over)
        });
        wanted
    }
}

fn first(file: &File, candidate: Box<Candidate>, rules: &Rules) -> Standing {
    let asks = text::asks(&candidate.reviewed, &rules.limits);
    let consented = file.consent || rules.default_exposed;
    let granted = asks.is_empty() || (file.consent && rules.allow_grants);
    if consented && granted {
        return Standing::Ready(candidate, if file.consent { "serve" } else { "default" });
    }
    let mut reasons = Vec::new();
    if !consented {
        reasons.push("its owner has not reviewed it yet".to_owned());
    }
    reasons.extend(asks.into_iter().map(|words| format!("it asks to {words}")));
    Standing::Waits(candidate, reasons)
}

/// Has what would go ahead wait for the owner if a card of it shows private lines that nobody published.
fn looked_at(standing: Standing, snapshot: &Snapshot) -> Standing {
    let lines = match &standing {
        Standing::Ready(candidate, _) | Standing::Waits(candidate, _) => {
            private_in_cards(&snapshot.package, &candidate.reviewed.manifests)
        }
        _ => Vec::new(),
    };
    let (candidate, mut reasons) = match standing {
        standing if lines.is_empty() => return standing,
        Standing::Ready(candidate, _) => (candidate, Vec::new()),
        Standing::Waits(candidate, reasons) => (candidate, reasons),
        other => return other,
    };
    reasons.extend(lines.iter().take(LINES).map(|row| {
        format!(
            "its card shows line {} of the private text {:?}",
            row.line, row.slot
        )
    }));
    Standing::Waits(candidate, reasons)
}

/// Returns what names what runs: the component, and its private texts if it has any.
pub(crate) fn version(reviewed: &Reviewed) -> String {
    match reviewed.private {
        Some(private) => format!("{}+{private}", reviewed.digest),
        None => reviewed.digest.to_string(),
    }
}

/// Returns what names exactly this state, for an approval that must approve nothing else.
pub(crate) fn token(reviewed: &Reviewed) -> String {
    Digest::of(&serde_json::to_vec(reviewed).unwrap_or_default()).short()
}
