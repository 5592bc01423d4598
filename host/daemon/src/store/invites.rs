//! Invites that give a tier. Only the hash of a secret is here, so that nobody who reads the database can redeem one.
//! Redeeming is one write: what is left of an invite, who used it, and the peer's tier change together or not at all.

use std::borrow::Borrow;

use coworker_core::{PeerId, Tier, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{maybe_time_at, peer_key, peer_of, time_at};
use super::peers::{PeerRow, peer_in, put};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE invite (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    tier INTEGER NOT NULL,
    network TEXT NOT NULL,
    bound BLOB,
    uses INTEGER NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE invite_use (
    invite TEXT NOT NULL REFERENCES invite (id) ON DELETE CASCADE,
    peer BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (invite, peer)
) STRICT, WITHOUT ROWID;
";

/// How many invites are kept: more than anybody has in mind, few enough to list.
const INVITES: i64 = 1_000;

/// An invite and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// Under which id the owner speaks of it.
    pub id: String,
    /// The tier that it gives.
    pub tier: Tier,
    /// The network on which it counts.
    pub network: String,
    /// The only peer that may use it; none means anybody.
    pub bound: Option<PeerId>,
    /// How many peers may use it.
    pub uses: u32,
    /// How many did.
    pub used: u32,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When the owner took it back.
    pub revoked: Option<Timestamp>,
}

/// What came of showing a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The peer has this row now, by the invite of this id.
    Granted(Box<PeerRow>, String),
    /// Nothing changed.
    Refused(Unredeemed),
}

/// Why an invite gave nothing. For the owner's records; the peer never sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unredeemed {
    /// No invite has this secret.
    #[error("no invite has this secret")]
    Unknown,
    /// The owner took it back.
    #[error("the invite was revoked")]
    Revoked,
    /// It is too late.
    #[error("the invite has expired")]
    Expired,
    /// As many peers as may have used it.
    #[error("the invite is used up")]
    UsedUp,
    /// This peer has used it: what the owner decided since stays.
    #[error("the peer has used the invite before")]
    UsedBefore,
    /// It is for somebody else.
    #[error("the invite is for another peer")]
    ForAnother,
    /// It came over another network than the one it was made on.
    #[error("the invite is for another network")]
    OtherNetwork,
    /// The owner keeps this peer out.
    #[error("the peer is blocked")]
    Blocked,
}

const COLUMNS: &str = "id, tier, network, bound, uses, (SELECT count(*) FROM invite_use WHERE invite = id), made, \
    expires, revoked";

impl Store {
    /// Keeps an invite under the hash of its secret. Refused with [`StoreError::Bound`] if as many are kept as may be.
    pub async fn put_invite(&self, row: InviteRow, hash: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |c| {
            let kept: i64 = c.query_row("SELECT count(*) FROM invite", [], |row| row.get(0))?;
            if kept >= INVITES {
                return Err(StoreError::Bound {
                    what: "invites",
                    limit: INVITES.unsigned_abs(),
                });
            }
            c.execute(
                "INSERT INTO invite (id, hash, tier, network, bound, uses, made, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    row.id,
                    hash,
                    row.tier.level(),
                    row.network,
                    row.bound.as_ref().map(peer_key),
                    row.uses,
                    row.made.0,
                    row.expires.0
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns every invite, the newest first.
    pub async fn invites(&self) -> Result<Vec<InviteRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM invite ORDER BY made DESC, id"
            ))?;
            let rows = statement.query_map([], invite_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes an invite back. What it gave so far stays. Returns it, or nothing if there is none.
    pub async fn revoke_invite(
        &self,
        id: &str,
        at: Timestamp,
    ) -> Result<Option<InviteRow>, StoreError> {
        let id = id.to_owned();
        self.write(move |c| {
            c.execute(
                "UPDATE invite SET revoked = coalesce(revoked, ?2) WHERE id = ?1",
                params![id, at.0],
            )?;
            Ok(c.query_row(
                &format!("SELECT {COLUMNS} FROM invite WHERE id = ?1"),
                [id],
                invite_row,
            )
            .optional()?)
        })
        .await
    }

    /// Uses an invite for a peer: counts the use, notes the peer, and raises its tier, in one transaction. A block stays,
    /// a higher tier stays, and a peer that used it before gets nothing from it again.
    pub async fn redeem(
        &self,
        peer: impl Borrow<PeerId>,
        hash: [u8; 32],
        network: &str,
        now: Timestamp,
    ) -> Result<Redeemed, StoreError> {
        let (peer, network) = (peer.borrow().clone(), network.to_owned());
        self.write(move |c| redeem(c, &peer, &hash, &network, now))
            .await
    }
}

fn redeem(
    c: &Connection,
    peer: &PeerId,
    hash: &[u8; 32],
    network: &str,
    now: Timestamp,
) -> Result<Redeemed, StoreError> {
    let key = peer_key(peer);
    let refuse = |why| Ok(Redeemed::Refused(why));
    // A lookup by a hash tells nothing about secrets that are near the one that was shown.
    let found = c
        .prepare_cached(&format!("SELECT {COLUMNS} FROM invite WHERE hash = ?1"))?
        .query_row([hash], invite_row)
        .optional()?;
    let Some(invite) = found else {
        return refuse(Unredeemed::Unknown);
    };
    if invite.revoked.is_some() {
        return refuse(Unredeemed::Revoked);
    }
    if invite.expires <= now {
        return refuse(Unredeemed::Expired);
    }
    if invite.network != network {
        return refuse(Unredeemed::OtherNetwork);
    }
    if invite.bound.as_ref().is_some_and(|bound| bound != peer) {
        return refuse(Unredeemed::ForAnother);
    }
    let used_before = c
        .prepare_cached("SELECT 1 FROM invite_use WHERE invite = ?1 AND peer = ?2")?
        .exists(params![invite.id, key])?;
    if used_before {
        return refuse(Unredeemed::UsedBefore);
    }
    if invite.used >= invite.uses {
        return refuse(Unredeemed::UsedUp);
    }
    let mut row = peer_in(c, &key)?.unwrap_or_else(|| PeerRow::stranger(peer, now));
    if row.blocked {
        return refuse(Unredeemed::Blocked);
    }
    row.tier = row.tier.max(invite.tier);
    put(c, &row)?;
    c.prepare_cached("INSERT INTO invite_use (invite, peer, at) VALUES (?1, ?2, ?3)")?
        .execute(params![invite.id, key, now.0])?;
    // What it asked for before and has now need not wait for the owner.
    c.prepare_cached("DELETE FROM trust_request WHERE peer = ?1 AND requested <= ?2")?
        .execute(params![key, row.tier.level()])?;
    Ok(Redeemed::Granted(Box::new(row), invite.id))
}

fn invite_row(row: &Row<'_>) -> rusqlite::Result<InviteRow> {
    let bound: Option<Vec<u8>> = row.get(3)?;
    let peer = bound.as_deref().map(peer_of);
    let tier = Tier::from_level(row.get(1)?);
    // What cannot be understood lets nobody in.
    let unsound = tier.is_none() || matches!(peer, Some(None));
    Ok(InviteRow {
        id: row.get(0)?,
        tier: tier.unwrap_or_default(),
        network: row.get(2)?,
        bound: peer.flatten(),
        uses: if unsound { 0 } else { row.get(4)? },
        used: row.get(5)?,
        made: time_at(row, 6)?,
        expires: time_at(row, 7)?,
        revoked: maybe_time_at(row, 8)?,
    })
}
