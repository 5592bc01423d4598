//! Peers and what the owner decided about them, and the trust requests that wait for a decision. Strangers are
//! bounded in number: the one not seen for longest makes room. A row that cannot be understood trusts nobody.

use std::borrow::Borrow;

use coworker_core::{PeerId, Tier, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::codec::{bounded, maybe_time_at, peer_at, peer_key, time_at};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE peer (
    peer BLOB PRIMARY KEY,
    name TEXT UNIQUE,
    claimed TEXT,
    tier INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    lease TEXT,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX peer_stranger ON peer (last_seen) WHERE tier = 0 AND blocked = 0 AND name IS NULL AND lease IS NULL;
CREATE TABLE trust_request (
    id TEXT PRIMARY KEY,
    peer BLOB NOT NULL UNIQUE,
    requested INTEGER NOT NULL,
    reason TEXT NOT NULL,
    correlation TEXT,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The time that leases have come to, where the clock may have gone back since.
pub(super) const MARK: &str = "
CREATE TABLE lease_mark (at INTEGER NOT NULL) STRICT;
";

/// How many peers are kept about whom the owner decided nothing.
const STRANGERS: i64 = 10_000;
/// How many trust requests may wait.
const TRUST_REQUESTS: i64 = 1_000;
/// The longest text of a peer that is kept.
const TEXT: usize = 512;

/// A peer and what the owner decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Who.
    pub peer: PeerId,
    /// The name that the owner gave; no two peers have the same.
    pub name: Option<String>,
    /// The name that the peer claims.
    pub claimed_name: Option<String>,
    /// How far the owner trusts it.
    pub tier: Tier,
    /// Whether grants by request or invite are barred until the owner lifts it.
    pub blocked: bool,
    /// What the owner lent it on top.
    pub lease: Option<LeaseRow>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

impl PeerRow {
    /// Returns a peer about whom nothing was decided, seen now for the first time.
    pub fn stranger(peer: &PeerId, now: Timestamp) -> Self {
        Self {
            peer: peer.clone(),
            name: None,
            claimed_name: None,
            tier: Tier::Untrusted,
            blocked: false,
            lease: None,
            first_seen: now,
            last_seen: now,
        }
    }
}

/// A tier that holds for a while, for some calls, or for some skills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    /// The tier.
    pub tier: Tier,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// How many calls are left.
    pub calls_left: Option<u32>,
    /// The skills it holds for; none means all.
    pub skills: Option<Vec<String>>,
}

/// A request for trust that waits for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRequestRow {
    /// Under which id the owner decides.
    pub id: String,
    /// Who asks.
    pub peer: PeerId,
    /// For what.
    pub requested: Tier,
    /// The peer's own words.
    pub reason: String,
    /// Under which correlation id a grant is sent.
    pub correlation: Option<String>,
    /// When it asked.
    pub at: Timestamp,
}

impl Store {
    /// Returns every peer.
    pub async fn peers(&self) -> Result<Vec<PeerRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT peer, name, claimed, tier, blocked, lease, first_seen, last_seen FROM peer ORDER BY first_seen, peer",
            )?;
            let rows = statement.query_map([], peer_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns one peer.
    pub async fn peer(&self, peer: impl Borrow<PeerId>) -> Result<Option<PeerRow>, StoreError> {
        let key = peer_key(peer.borrow());
        self.read(move |c| peer_in(c, &key)).await
    }

    /// Adds or replaces a peer. Refused with [`StoreError::NameTaken`] if another one has the name.
    pub async fn put_peer(&self, row: PeerRow) -> Result<(), StoreError> {
        self.write(move |c| put(c, &row)).await
    }

    /// Returns the time that leases had come to when it was last written down.
    pub async fn lease_mark(&self) -> Result<Timestamp, StoreError> {
        self.read(|c| {
            let mark = c.query_row("SELECT coalesce(max(at), 0) FROM lease_mark", [], |row| {
                row.get(0)
            });
            Ok(Timestamp(mark?))
        })
        .await
    }

    /// Writes down the time that leases have come to.
    pub async fn set_lease_mark(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM lease_mark", [])?;
            c.execute("INSERT INTO lease_mark (at) VALUES (?1)", [at.0])?;
            Ok(())
        })
        .await
    }

    /// Forgets a peer, with its pending trust request. Returns whether it was known.
    pub async fn forget(&self, peer: impl Borrow<PeerId>) -> Result<bool, StoreError> {
        let key = peer_key(peer.borrow());
        self.write(move |c| {
            c.execute("DELETE FROM trust_request WHERE peer = ?1", [&key])?;
            c.execute("DELETE FROM probe WHERE peer = ?1", [&key])?;
            c.execute("DELETE FROM card WHERE peer = ?1", [&key])?;
            Ok(c.execute("DELETE FROM peer WHERE peer = ?1", [&key])? > 0)
        })
        .await
    }

    /// Returns the trust requests that wait, oldest first.
    pub async fn trust_requests(&self) -> Result<Vec<TrustRequestRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, peer, requested, unseal(reason), correlation, at FROM trust_request ORDER BY at, id",
            )?;
            let rows = statement.query_map([], trust_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Adds a trust request. A peer has one at most: a later one takes the place of the earlier, whose id is void, so
    /// that the owner cannot grant what changed after it was shown. Refused with [`StoreError::Bound`] if as many
    /// wait as are kept.
    pub async fn put_trust_request(&self, row: TrustRequestRow) -> Result<(), StoreError> {
        self.write(move |c| {
            let key = peer_key(&row.peer);
            c.execute("DELETE FROM trust_request WHERE peer = ?1", [&key])?;
            let waiting: i64 =
                c.query_row("SELECT count(*) FROM trust_request", [], |row| row.get(0))?;
            if waiting >= TRUST_REQUESTS {
                return Err(StoreError::Bound {
                    what: "trust requests",
                    limit: TRUST_REQUESTS.unsigned_abs(),
                });
            }
            c.prepare_cached(
                "INSERT INTO trust_request (id, peer, requested, reason, correlation, at)
                 VALUES (?1, ?2, ?3, seal(?4), ?5, ?6)",
            )?
            .execute(params![
                row.id,
                key,
                row.requested.level(),
                bounded(&row.reason, TEXT),
                row.correlation.as_deref().map(|text| bounded(text, TEXT)),
                row.at.0,
            ])?;
            Ok(())
        })
        .await
    }

    /// Takes a trust request out, to be decided. Nothing if it was decided, replaced or withdrawn before.
    pub async fn take_trust_request(
        &self,
        id: impl Into<String>,
    ) -> Result<Option<TrustRequestRow>, StoreError> {
        let id = id.into();
        self.write(move |c| {
            Ok(c.prepare_cached(
                "DELETE FROM trust_request WHERE id = ?1
                 RETURNING id, peer, requested, unseal(reason), correlation, at",
            )?
            .query_row([id], trust_row)
            .optional()?)
        })
        .await
    }
}

pub(super) fn peer_in(c: &Connection, key: &[u8]) -> Result<Option<PeerRow>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT peer, name, claimed, tier, blocked, lease, first_seen, last_seen FROM peer WHERE peer = ?1",
    )?
    .query_row([key], peer_row)
    .optional()?)
}

pub(super) fn put(c: &Connection, row: &PeerRow) -> Result<(), StoreError> {
    let key = peer_key(&row.peer);
    let lease = row
        .lease
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(|_| StoreError::Unreadable { what: "lease" })?;
    if let Some(name) = &row.name {
        let taken = c
            .prepare_cached("SELECT 1 FROM peer WHERE name = ?1 AND peer <> ?2")?
            .exists(params![name, key])?;
        if taken {
            return Err(StoreError::NameTaken(name.clone()));
        }
    }
    let stranger =
        row.tier == Tier::Untrusted && !row.blocked && row.name.is_none() && lease.is_none();
    let new = !c
        .prepare_cached("SELECT 1 FROM peer WHERE peer = ?1")?
        .exists([&key])?;
    if stranger && new {
        make_room(c)?;
    }
    c.prepare_cached(
        "INSERT INTO peer (peer, name, claimed, tier, blocked, lease, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (peer) DO UPDATE SET name = excluded.name, claimed = excluded.claimed, tier = excluded.tier,
         blocked = excluded.blocked, lease = excluded.lease, first_seen = excluded.first_seen,
         last_seen = excluded.last_seen",
    )?
    .execute(params![
        key,
        row.name.as_deref(),
        row.claimed_name.as_deref().map(|text| bounded(text, TEXT)),
        row.tier.level(),
        row.blocked,
        lease,
        row.first_seen.0,
        row.last_seen.0,
    ])?;
    Ok(())
}

/// Lets go of the stranger not seen for longest, if there are as many as are kept.
fn make_room(c: &Connection) -> Result<(), StoreError> {
    const STRANGER: &str = "tier = 0 AND blocked = 0 AND name IS NULL AND lease IS NULL";
    let strangers: i64 = c
        .prepare_cached(&format!(
            "SELECT count(*) FROM peer INDEXED BY peer_stranger WHERE {STRANGER}"
        ))?
        .query_row([], |row| row.get(0))?;
    if strangers >= STRANGERS {
        c.prepare_cached(&format!(
            "DELETE FROM peer WHERE peer IN
             (SELECT peer FROM peer INDEXED BY peer_stranger WHERE {STRANGER} ORDER BY last_seen LIMIT ?1)"
        ))?
        .execute([strangers - STRANGERS + 1])?;
    }
    Ok(())
}

fn peer_row(row: &Row<'_>) -> rusqlite::Result<PeerRow> {
    let tier = Tier::from_level(row.get(3)?);
    let lease: Option<Result<LeaseRow, _>> = row
        .get::<_, Option<String>>(5)?
        .map(|text| serde_json::from_str(&text));
    // What cannot be understood must not trust anybody: such a peer is a stranger whom nothing lets in.
    let unsound = tier.is_none() || matches!(lease, Some(Err(_)));
    Ok(PeerRow {
        peer: peer_at(row, 0)?,
        name: row.get(1)?,
        claimed_name: row.get(2)?,
        tier: tier.filter(|_| !unsound).unwrap_or_default(),
        blocked: unsound || row.get::<_, bool>(4)?,
        lease: lease.and_then(Result::ok).filter(|_| !unsound),
        first_seen: time_at(row, 6)?,
        last_seen: maybe_time_at(row, 7)?.unwrap_or_default(),
    })
}

fn trust_row(row: &Row<'_>) -> rusqlite::Result<TrustRequestRow> {
    Ok(TrustRequestRow {
        id: row.get(0)?,
        peer: peer_at(row, 1)?,
        requested: Tier::from_level(row.get(2)?).unwrap_or_default(),
        reason: row.get(3)?,
        correlation: row.get(4)?,
        at: time_at(row, 5)?,
    })
}
