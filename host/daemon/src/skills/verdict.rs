//! What becomes of one look at a component: a verdict that is kept, or another look later. What the machine did is never
//! a verdict, but what breaks looks off at start after start is.

use std::sync::Arc;
use std::time::Duration;

use coworker_core::Digest;
use coworker_sandbox::Examined;
use tokio::time::Instant;

use super::examine::ExamineError;
use super::rules::Rules;
use super::state::{BREAKS, Delay, Outcome, State};
use super::{HOST, Skills, SkillsError};
use crate::clock;
use crate::store::ExaminedRow;

/// How long after the first look that failed there is another; each further one waits four times as long.
const DELAY: Duration = Duration::from_secs(30);
/// The longest wait for another look.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How many looks one run makes by itself at what may be to blame itself.
const LOOKS: u32 = 3;

/// What one look came to.
enum Verdict {
    /// It is kept.
    Kept(Outcome, ExaminedRow),
    /// There is another look: after a while, and at the next start, where this is recorded.
    Later(String, Option<ExaminedRow>),
}

impl Skills {
    /// Looks at a component and takes over what comes of it.
    pub(crate) async fn examined(self: &Arc<Self>, digest: Digest) {
        // The semaphore is never closed.
        let _place = self.compilers.acquire().await;
        let vault = self.vault.clone();
        let whole = self
            .tasks
            .spawn_blocking(move || vault.is_whole(&digest))
            .await;
        // What a damaged copy is found to be says nothing about the component.
        let looked = match whole {
            Ok(true) => self.examiner.examine(&self.vault.path(&digest)).await,
            Ok(false) => Err(ExamineError::Unable(
                "its private copy is damaged".to_owned(),
            )),
            Err(_) => return,
        };
        let broke = self.state.lock().await.broke.get(&digest).copied();
        let verdict = Verdict::of(digest, looked, broke.unwrap_or_default());
        let row = match &verdict {
            Verdict::Kept(_, row) => Some(row.clone()),
            Verdict::Later(_, row) => row.clone(),
        };
        if let Some(row) = row
            && let Err(error) = self.store.put_examined(row, clock::now()).await
        {
            // It is found out again at the next start.
            tracing::error!(%error, "what was found out about a component is not recorded");
        }
        let mut state = self.state.lock().await;
        state.compiling.remove(&digest);
        state.settle_verdict(digest, verdict);
        if let Err(error) = self.settle(&mut state).await {
            tracing::error!(%error, "skills could not be brought up to date");
        }
    }

    /// Has what the owner names looked at once more, where the last look was broken off or not possible, and waits for
    /// it. `all` does so too where the component is to blame for that.
    pub(crate) async fn look_again(
        self: &Arc<Self>,
        name: &str,
        all: bool,
    ) -> Result<(), SkillsError> {
        let mut wanted = self.state.lock().await.to_look_at(name, all, &self.rules)?;
        if wanted.is_empty() {
            return Ok(());
        }
        if !wanted.iter().all(|digest| self.vault.has(digest)) {
            // A copy that was damaged is made anew from the file.
            self.rescan().await?;
        }
        let mut busy = self.busy.subscribe();
        let mut state = self.state.lock().await;
        for digest in &wanted {
            state.delayed.remove(digest);
            state.examined.remove(digest);
            if !state.compiling.contains(digest) {
                self.compile(&mut state, *digest);
            }
        }
        self.publish(&mut state).await?;
        drop(state);
        while !wanted.is_empty() {
            // The sender lives in self: waiting cannot fail.
            let _ = busy.changed().await;
            let state = self.state.lock().await;
            wanted.retain(|digest| state.compiling.contains(digest));
        }
        Ok(())
    }
}

impl Verdict {
    fn of(digest: Digest, looked: Result<Examined, ExamineError>, broke: u32) -> Self {
        let row = |outcome, broke| ExaminedRow {
            digest,
            host: HOST.to_owned(),
            outcome,
            broke,
        };
        let error = match looked {
            Ok(examined) if examined.digest != digest => {
                ExamineError::Unable("the copy that was compiled is not what was read".to_owned())
            }
            Ok(examined) => {
                let text = serde_json::to_string(&examined).unwrap_or_default();
                return Self::Kept(Outcome::Known(Arc::new(examined)), row(Ok(text), 0));
            }
            Err(ExamineError::Ended(why)) if broke + 1 >= BREAKS => {
                ExamineError::Broke(format!("{why}, at {BREAKS} starts"))
            }
            Err(error) => error,
        };
        let (digest, why) = (digest.short(), error.to_string());
        match error {
            ExamineError::Refused(_) => {
                tracing::warn!(digest, why, "a component cannot be served");
                Self::Kept(Outcome::Failed(why.clone()), row(Err(why), 0))
            }
            ExamineError::Broke(_) => {
                tracing::warn!(digest, why, "a component cannot be served");
                Self::Kept(Outcome::Broke(why.clone()), row(Err(why), BREAKS))
            }
            ExamineError::Ended(_) => {
                tracing::warn!(digest, why, "a component could not be examined");
                Self::Later(why.clone(), Some(row(Err(why), broke + 1)))
            }
            ExamineError::Unable(_) => {
                tracing::error!(digest, why, "a component could not be examined");
                Self::Later(why, None)
            }
        }
    }
}

impl State {
    fn settle_verdict(&mut self, digest: Digest, verdict: Verdict) {
        match verdict {
            Verdict::Kept(outcome, _) => {
                self.delayed.remove(&digest);
                self.broke.remove(&digest);
                self.examined.insert(digest, outcome);
            }
            Verdict::Later(why, row) => {
                let looks = self.delayed.get(&digest).map_or(0, |delay| delay.looks) + 1;
                let wait = DELAY.saturating_mul(4_u32.saturating_pow(looks - 1));
                let by_itself = row.is_none() || looks < LOOKS;
                let again = by_itself.then(|| Instant::now() + wait.min(LONGEST));
                let when = if by_itself { "after a while, " } else { "" };
                let why = format!(
                    "{why}; it is tried again {when}at the next start, and by `skills expose`"
                );
                self.delayed.insert(digest, Delay { why, looks, again });
            }
        }
    }

    /// Returns the components of a file: the one that it holds, and the approved one.
    fn components(&self, file: &str) -> Vec<Digest> {
        let read = self.snapshot(file);
        let read = read.filter(|read| read.body.is_component());
        let approved = self
            .files
            .get(file)
            .and_then(|file| file.record.current.as_ref());
        let approved = approved.filter(|row| row.reviewed.body.is_component());
        let mut all: Vec<Digest> = read.map(|read| read.digest).into_iter().collect();
        all.extend(approved.map(|row| row.reviewed.digest));
        all.dedup();
        all
    }

    /// Returns the components of what the owner names that have no verdict, or one that the owner may have tried again.
    fn to_look_at(&self, name: &str, all: bool, rules: &Rules) -> Result<Vec<Digest>, SkillsError> {
        let target = self.find(name, rules)?;
        let mut wanted = self.components(&target.file);
        wanted.retain(|digest| {
            let broke = matches!(self.examined.get(digest), Some(Outcome::Broke(_)));
            self.delay(digest).is_some() || (all && broke)
        });
        Ok(wanted)
    }
}
