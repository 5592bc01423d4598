//! What a skill remembers: reads go to the port, writes stay here until the call has succeeded, and a call sees its
//! own writes. Quotas count keys and values, as they will be once the writes are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use coworker_core::{Job, StateGrant};

use crate::bindings::state;
use crate::event::{Partition, StateArea, StateWrite};
use crate::port::{PortError, StatePort, StateUse};
use crate::room::Room;

/// The most a caller's partition holds.
const CALLER_MOST: u64 = 1 << 20;
/// The most all partitions of a skill hold.
const SKILL_MOST: u64 = 16 << 20;
/// The longest key.
const KEY_MOST: usize = 256;
/// The longest value.
const VALUE_MOST: usize = 256 << 10;
/// The most keys of one listing.
const LIST_MOST: usize = 1_000;

/// The call's memory of other calls.
#[derive(Default)]
pub(crate) struct Memory {
    open: Option<Open>,
    pending: BTreeMap<String, Option<Vec<u8>>>,
    used: Option<StateUse>,
}

#[derive(Clone)]
struct Open {
    port: Arc<dyn StatePort>,
    area: StateArea,
}

impl Memory {
    /// Returns what the job's grants give.
    pub(crate) fn new(job: &Job, port: Option<Arc<dyn StatePort>>) -> Self {
        let partition = match job.grants.state {
            StateGrant::None => return Self::default(),
            StateGrant::PerCaller => Partition::Caller(job.caller.clone()),
            StateGrant::Shared => Partition::Shared,
        };
        let area = StateArea {
            skill: job.skill.as_str().to_owned(),
            partition,
        };
        Self {
            open: port.map(|port| Open { port, area }),
            ..Self::default()
        }
    }

    /// Returns what is to be stored with the outcome.
    pub(crate) fn into_writes(self) -> Vec<StateWrite> {
        let Some(open) = self.open else {
            return Vec::new();
        };
        let pending = self.pending.into_iter();
        pending
            .map(|(key, value)| StateWrite {
                area: open.area.clone(),
                key,
                value,
            })
            .collect()
    }

    fn open(&self) -> Result<Open, state::Error> {
        self.open.clone().ok_or(state::Error::Unavailable)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, state::Error> {
        let open = self.open()?;
        match self.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => open.port.get(&open.area, key).await.map_err(hide),
        }
    }

    async fn put(&mut self, key: String, value: Option<Vec<u8>>) -> Result<(), state::Error> {
        let open = self.open()?;
        let old = self.get(&key).await?;
        if old == value {
            return Ok(());
        }
        let used = match self.used {
            Some(used) => used,
            None => open.port.used(&open.area).await.map_err(hide)?,
        };
        let weight =
            |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |v| (key.len() + v.len()) as u64);
        let (before, after) = (weight(&old), weight(&value));
        let change = |was: u64| was.saturating_sub(before).saturating_add(after);
        let now = StateUse {
            caller: change(used.caller),
            skill: change(used.skill),
        };
        let caller_most = match open.area.partition {
            Partition::Caller(_) => CALLER_MOST,
            Partition::Shared => SKILL_MOST,
        };
        // Making things smaller is always allowed, also for an owner who lowered a quota.
        if after > before && (now.caller > caller_most || now.skill > SKILL_MOST) {
            return Err(state::Error::Full);
        }
        self.used = Some(now);
        self.pending.insert(key, value);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, state::Error> {
        let open = self.open()?;
        // Each pending removal may take one key away, so that many more are asked for.
        let most = u32::try_from(LIST_MOST + self.pending.len()).unwrap_or(u32::MAX);
        let stored = open
            .port
            .list(&open.area, prefix, most)
            .await
            .map_err(hide)?;
        let mut keys: BTreeMap<String, ()> = stored.into_iter().map(|(key, _)| (key, ())).collect();
        for (key, value) in &self.pending {
            if !key.starts_with(prefix) {
                continue;
            }
            match value {
                Some(_) => keys.insert(key.clone(), ()),
                None => keys.remove(key),
            };
        }
        Ok(keys.into_keys().take(LIST_MOST).collect())
    }
}

impl state::Host for Room {
    async fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, state::Error>> {
        self.enter(key.len())?;
        if !is_key(&key) {
            return Ok(Err(state::Error::Invalid));
        }
        let got = self.memory.get(&key).await;
        if let Ok(Some(value)) = &got {
            self.carry(value.len())?;
        }
        Ok(got)
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), state::Error>> {
        self.enter(key.len() + value.len())?;
        if !is_key(&key) || value.len() > VALUE_MOST {
            return Ok(Err(state::Error::Invalid));
        }
        Ok(self.memory.put(key, Some(value)).await)
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), state::Error>> {
        self.enter(key.len())?;
        if !is_key(&key) {
            return Ok(Err(state::Error::Invalid));
        }
        Ok(self.memory.put(key, None).await)
    }

    async fn list(
        &mut self,
        prefix: String,
    ) -> wasmtime::Result<Result<Vec<String>, state::Error>> {
        self.enter(prefix.len())?;
        if prefix.len() > KEY_MOST {
            return Ok(Err(state::Error::Invalid));
        }
        let got = self.memory.list(&prefix).await;
        if let Ok(keys) = &got {
            self.carry(keys.iter().map(String::len).sum())?;
        }
        Ok(got)
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY_MOST
}

fn hide(error: PortError) -> state::Error {
    tracing::warn!(%error, "what a skill remembers cannot be reached");
    state::Error::Unavailable
}
