//! What skills remember. Written only together with the outcome of the call that wrote it; one caller's part is never
//! read for another, and neither a caller nor a skill can grow beyond its bound.

use coworker_core::{Bytes, CallerKey};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::codec::{size, uint_at};
use super::{Store, StoreError};

/// An area is one caller's part of one skill's state, or the shared part (an empty caller). Its bytes are counted as
/// they change, because adding them up would take longer the more there is.
pub(super) const TABLES: &str = "
CREATE TABLE area (
    area INTEGER PRIMARY KEY,
    skill TEXT NOT NULL,
    caller TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (skill, caller)
) STRICT;
CREATE TABLE skill_state (skill TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    area INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (area, key)
) STRICT, WITHOUT ROWID;
";

/// The most that one caller's part, or the shared part, may hold.
const PER_CALLER: i64 = 1 << 20;
/// The most that all parts of a skill may hold.
const PER_SKILL: i64 = 16 << 20;
/// What an entry counts beyond its key and value, so that empty entries are not free.
const ENTRY: i64 = 64;

/// Whose part of which skill's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AreaRow {
    /// The key of the skill; the same across updates of its component.
    pub skill: String,
    /// The caller's key, or none for the shared part.
    pub caller: Option<CallerKey>,
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWriteRow {
    /// Whose part.
    pub area: AreaRow,
    /// Under which key.
    pub key: String,
    /// The new value, or none to remove it.
    pub value: Option<Vec<u8>>,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateUse {
    /// In the caller's part, or the shared part.
    pub caller: Bytes,
    /// In all parts of the skill.
    pub skill: Bytes,
}

impl AreaRow {
    fn caller(&self) -> &str {
        self.caller.as_ref().map_or("", |key| key.0.as_str())
    }
}

impl Store {
    /// Returns a value.
    pub async fn state_get(
        &self,
        area: AreaRow,
        key: String,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT unseal(value) FROM state JOIN area USING (area) WHERE skill = ?1 AND caller = ?2 AND key = ?3",
            )?
            .query_row(params![area.skill, area.caller(), key], |row| row.get(0))
            .optional()?)
        })
        .await
    }

    /// Returns the keys that begin with `prefix`, with the sizes of their values, in order.
    pub async fn state_list(
        &self,
        area: AreaRow,
        prefix: String,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(
                "SELECT key, bare(length(value)) FROM state JOIN area USING (area)
                 WHERE skill = ?1 AND caller = ?2 AND key >= ?3 AND substr(key, 1, length(?3)) = ?3 ORDER BY key",
            )?;
            let rows = statement.query_map(params![area.skill, area.caller(), prefix], |row| {
                Ok((row.get(0)?, uint_at(row, 1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns how much is held.
    pub async fn state_used(&self, area: AreaRow) -> Result<StateUse, StoreError> {
        self.read(move |c| {
            let caller = c
                .prepare_cached("SELECT bytes FROM area WHERE skill = ?1 AND caller = ?2")?
                .query_row(params![area.skill, area.caller()], |row| uint_at(row, 0))
                .optional()?;
            let skill = c
                .prepare_cached("SELECT bytes FROM skill_state WHERE skill = ?1")?
                .query_row([&area.skill], |row| uint_at(row, 0))
                .optional()?;
            Ok(StateUse {
                caller: Bytes(caller.unwrap_or(0)),
                skill: Bytes(skill.unwrap_or(0)),
            })
        })
        .await
    }
}

/// Makes the changes, all or none: a part or a skill that would outgrow its bound refuses them.
pub(super) fn apply(c: &Connection, writes: &[StateWriteRow]) -> Result<(), StoreError> {
    for write in writes {
        let change = put(c, write)?;
        if change == 0 {
            continue;
        }
        let (skill, caller) = (&write.area.skill, write.area.caller());
        let part: i64 = c
            .prepare_cached(
                "UPDATE area SET bytes = bytes + ?3 WHERE skill = ?1 AND caller = ?2 RETURNING bytes",
            )?
            .query_row(params![skill, caller, change], |row| row.get(0))?;
        let all: i64 = c
            .prepare_cached(
                "INSERT INTO skill_state (skill, bytes) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes RETURNING bytes",
            )?
            .query_row(params![skill, change], |row| row.get(0))?;
        // Shrinking is always allowed, also for a skill that is over its bound already.
        let limit = if part > PER_CALLER {
            PER_CALLER
        } else {
            PER_SKILL
        };
        if change > 0 && (part > PER_CALLER || all > PER_SKILL) {
            return Err(StoreError::StateFull {
                skill: skill.clone(),
                limit: Bytes(u64::try_from(limit).unwrap_or(0)),
            });
        }
    }
    Ok(())
}

/// Makes one change. Returns by how much the area grew.
fn put(c: &Connection, write: &StateWriteRow) -> Result<i64, StoreError> {
    let area: i64 = c
        .prepare_cached(
            "INSERT INTO area (skill, caller, bytes) VALUES (?1, ?2, 0)
             ON CONFLICT DO UPDATE SET bytes = bytes RETURNING area",
        )?
        .query_row(params![write.area.skill, write.area.caller()], |row| {
            row.get(0)
        })?;
    let charge = |value: i64| size(write.key.len()) + value + ENTRY;
    let old: Option<i64> = c
        .prepare_cached("SELECT bare(length(value)) FROM state WHERE area = ?1 AND key = ?2")?
        .query_row(params![area, write.key], |row| row.get(0))
        .optional()?;
    let new = match &write.value {
        Some(value) => {
            c.prepare_cached(
                "INSERT INTO state (area, key, value) VALUES (?1, ?2, seal(?3))
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![area, write.key, value])?;
            charge(size(value.len()))
        }
        None => {
            c.prepare_cached("DELETE FROM state WHERE area = ?1 AND key = ?2")?
                .execute(params![area, write.key])?;
            0
        }
    };
    Ok(new - old.map_or(0, charge))
}
