//! What skills remember, read from the store. Writes do not pass here: they are part of a call's outcome.

use async_trait::async_trait;
use coworker_sandbox::{Partition, PortError, StateArea, StatePort, StateUse, StateWrite};

use crate::store::{AreaRow, StateWriteRow, Store, StoreError};

/// Reads of what skills remember.
#[derive(Debug, Clone)]
pub struct StoredState(pub Store);

#[async_trait]
impl StatePort for StoredState {
    async fn get(&self, area: &StateArea, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        self.0
            .state_get(area_row(area), key.to_owned())
            .await
            .map_err(unavailable)
    }

    async fn list(
        &self,
        area: &StateArea,
        prefix: &str,
        most: u32,
    ) -> Result<Vec<(String, u64)>, PortError> {
        let mut keys = self
            .0
            .state_list(area_row(area), prefix.to_owned())
            .await
            .map_err(unavailable)?;
        keys.truncate(most as usize);
        Ok(keys)
    }

    async fn used(&self, area: &StateArea) -> Result<StateUse, PortError> {
        let used = self
            .0
            .state_used(area_row(area))
            .await
            .map_err(unavailable)?;
        Ok(StateUse {
            caller: used.caller.0,
            skill: used.skill.0,
        })
    }
}

/// Returns a write as the store keeps it.
pub fn row(write: StateWrite) -> StateWriteRow {
    StateWriteRow {
        area: area_row(&write.area),
        key: write.key,
        value: write.value,
    }
}

fn area_row(area: &StateArea) -> AreaRow {
    let caller = match &area.partition {
        Partition::Caller(key) => Some(key.clone()),
        Partition::Shared => None,
    };
    AreaRow {
        skill: area.skill.clone(),
        caller,
    }
}

fn unavailable(error: StoreError) -> PortError {
    PortError::Unavailable(error.to_string())
}
