//! What peers showed us, as they last showed it: kept over restarts and failures, and replaced only by what a peer says.

use std::borrow::Borrow;

use coworker_core::{PeerId, Tier, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::codec::{bounded, peer_key, time_at};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE card (
    peer BLOB PRIMARY KEY,
    claimed TEXT,
    hash TEXT NOT NULL,
    accepts TEXT NOT NULL,
    tier INTEGER,
    at INTEGER NOT NULL,
    skills TEXT NOT NULL
) STRICT;
CREATE INDEX card_at ON card (at);
";

/// How many peers' cards are kept; those not looked at for longest make room.
const CARDS: i64 = 1_000;
/// The longest name that is kept.
const NAME: usize = 512;

/// What a peer showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// What it calls itself.
    pub claimed_name: Option<String>,
    /// The hash of the list, as both sides compute it.
    pub hash: String,
    /// The features beyond the old protocol that it named.
    pub accepts: Vec<String>,
    /// The tier that it said it gave us; none if it said nothing of the kind.
    pub tier: Option<Tier>,
    /// When it last showed this.
    pub at: Timestamp,
    /// The cards.
    pub skills: Vec<Value>,
}

impl Store {
    /// Returns what a peer last showed.
    pub async fn card(&self, peer: impl Borrow<PeerId>) -> Result<Option<CardRow>, StoreError> {
        let key = peer_key(peer.borrow());
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT claimed, hash, accepts, tier, at, skills FROM card WHERE peer = ?1",
            )?
            .query_row([key], |row| {
                let (accepts, skills): (String, String) = (row.get(2)?, row.get(5)?);
                let tier: Option<u8> = row.get(3)?;
                Ok(CardRow {
                    claimed_name: row.get(0)?,
                    hash: row.get(1)?,
                    // What cannot be read is asked for again.
                    accepts: serde_json::from_str(&accepts).unwrap_or_default(),
                    tier: tier.and_then(Tier::from_level),
                    at: time_at(row, 4)?,
                    skills: serde_json::from_str(&skills).unwrap_or_default(),
                })
            })
            .optional()?)
        })
        .await
    }

    /// Returns the features that a peer has named; none if it showed nothing.
    pub async fn accepts(&self, peer: impl Borrow<PeerId>) -> Result<Vec<String>, StoreError> {
        let key = peer_key(peer.borrow());
        self.read(move |c| accepts(c, &key)).await
    }

    /// Keeps what a peer shows now.
    pub async fn put_card(
        &self,
        peer: impl Borrow<PeerId>,
        row: CardRow,
    ) -> Result<(), StoreError> {
        let key = peer_key(peer.borrow());
        self.write(move |c| {
            c.prepare_cached(
                "INSERT INTO card (peer, claimed, hash, accepts, tier, at, skills) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (peer) DO UPDATE SET claimed = excluded.claimed, hash = excluded.hash,
                 accepts = excluded.accepts, tier = excluded.tier, at = excluded.at, skills = excluded.skills",
            )?
            .execute(params![
                key,
                row.claimed_name.as_deref().map(|name| bounded(name, NAME)),
                row.hash,
                Value::from(row.accepts).to_string(),
                row.tier.map(Tier::level),
                row.at.0,
                Value::from(row.skills).to_string(),
            ])?;
            c.prepare_cached(
                "DELETE FROM card WHERE peer IN
                 (SELECT peer FROM card INDEXED BY card_at ORDER BY at DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([CARDS])?;
            Ok(())
        })
        .await
    }
}

/// Returns the features that a peer has named.
pub(super) fn accepts(c: &Connection, peer: &[u8]) -> Result<Vec<String>, StoreError> {
    let named: Option<String> = c
        .prepare_cached("SELECT accepts FROM card WHERE peer = ?1")?
        .query_row([peer], |row| row.get(0))
        .optional()?;
    let named = named.and_then(|text| serde_json::from_str(&text).ok());
    Ok(named.unwrap_or_default())
}
