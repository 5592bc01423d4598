//! One key package an installation: the newest. Fetching does not use it up.

use bytes::Bytes;
use rusqlite::{OptionalExtension, params};

use super::budget::Budget;
use super::page::blob;
use super::usage::{Scope, charge, release};
use super::{Store, StoreError, now_ns, to_sql};
use crate::mls::CheckedKeyPackage;

impl Store {
    /// Puts a package in the place of an earlier one. One whose lifetime began before that of the stored one is refused:
    /// packages are public, and an old one must not come back.
    pub(crate) async fn put_key_package(
        &self,
        checked: CheckedKeyPackage,
        package: Bytes,
    ) -> Result<(), StoreError> {
        let limits = self.limits.clone();
        self.write(move |connection, _| {
            let CheckedKeyPackage {
                installation,
                not_before,
            } = checked;
            let not_before = to_sql(not_before);
            let stored: Option<(i64, i64)> = connection
                .prepare_cached(
                    "SELECT not_before, length(package) FROM key_package WHERE installation = ?1",
                )?
                .query_row([&installation], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((stored, size)) = stored {
                if stored > not_before {
                    return Err(StoreError::Older);
                }
                release(connection, Scope::Installation, &installation, size)?;
            }
            charge(
                connection,
                &limits,
                Scope::Installation,
                &installation,
                package.len(),
            )?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO key_package (installation, package, not_before, uploaded_ns)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![installation, package.as_ref(), not_before, now_ns()])?;
            Ok(())
        })
        .await
    }

    /// Returns the package of each installation, in the same order.
    pub(crate) async fn key_packages(
        &self,
        installations: Vec<Bytes>,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT package FROM key_package WHERE installation = ?1")?;
            let mut budget = Budget::new();
            installations
                .iter()
                .map(|key| {
                    let found = statement
                        .query_row([key.as_ref()], |row| blob(row, 0))
                        .optional()?;
                    budget.take(found.as_ref().map_or(0, Bytes::len))?;
                    Ok(found)
                })
                .collect()
        })
        .await
    }
}
