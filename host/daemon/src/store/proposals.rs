//! Peers and tiers from elsewhere that the owner has not decided about. Nothing here trusts anybody.

use std::borrow::Borrow;

use coworker_core::{PeerId, Tier, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

use super::codec::{bounded, peer_key, peer_of, time_at};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE proposal (
    id TEXT PRIMARY KEY,
    peer BLOB,
    wallet TEXT,
    name TEXT,
    tier INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The longest name that is kept.
const NAME: usize = 512;

/// A peer that was known elsewhere, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalRow {
    /// Under which id the owner decides. The same peer has the same id again.
    pub id: String,
    /// Who, if its inbox is known.
    pub peer: Option<PeerId>,
    /// Its wallet, if that is known.
    pub wallet: Option<String>,
    /// What it was called.
    pub name: Option<String>,
    /// The tier it had; untrusted where only its name is proposed.
    pub tier: Tier,
    /// When it was brought here.
    pub at: Timestamp,
}

impl Store {
    /// Adds proposals, all or none. One that is there already stays as it is.
    pub async fn propose(&self, rows: Vec<ProposalRow>) -> Result<(), StoreError> {
        self.write(move |c| {
            for row in &rows {
                c.prepare_cached(
                    "INSERT OR IGNORE INTO proposal (id, peer, wallet, name, tier, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    row.id,
                    row.peer.as_ref().map(peer_key),
                    row.wallet,
                    row.name.as_deref().map(|name| bounded(name, NAME)),
                    row.tier.level(),
                    row.at.0
                ])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns what was proposed and not decided.
    pub async fn proposals(&self) -> Result<Vec<ProposalRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, peer, wallet, name, tier, at FROM proposal ORDER BY tier DESC, name, id",
            )?;
            let rows = statement.query_map([], proposal_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns one proposal.
    pub async fn proposal(&self, id: &str) -> Result<Option<ProposalRow>, StoreError> {
        let id = id.to_owned();
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT id, peer, wallet, name, tier, at FROM proposal WHERE id = ?1",
            )?
            .query_row([id], proposal_row)
            .optional()?)
        })
        .await
    }

    /// Takes a proposal off the list.
    pub async fn drop_proposal(&self, id: impl Borrow<str>) -> Result<(), StoreError> {
        let id = id.borrow().to_owned();
        self.write(move |c| {
            c.execute("DELETE FROM proposal WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }
}

fn proposal_row(row: &Row<'_>) -> rusqlite::Result<ProposalRow> {
    let peer: Option<Vec<u8>> = row.get(1)?;
    Ok(ProposalRow {
        id: row.get(0)?,
        peer: peer.as_deref().and_then(peer_of),
        wallet: row.get(2)?,
        name: row.get(3)?,
        tier: Tier::from_level(row.get(4)?).unwrap_or_default(),
        at: time_at(row, 5)?,
    })
}
