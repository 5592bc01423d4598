//! Up to where the host has what the network keeps for it: one message a peer and network.

use coworker_core::PeerId;
use rusqlite::params;

use super::codec::{peer_at, peer_key};
use super::{Store, StoreError};

/// Added by the third migration.
pub(super) const TABLES: &str = "
CREATE TABLE cursor (
    network TEXT NOT NULL,
    peer BLOB NOT NULL,
    message TEXT NOT NULL,
    sent_ns INTEGER NOT NULL,
    PRIMARY KEY (network, peer)
) STRICT, WITHOUT ROWID;
";

/// The last message of a peer that the host has without a hole before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorRow {
    /// Whose.
    pub peer: PeerId,
    /// The network's id of the message.
    pub message: String,
    /// The network's time of it, in nanoseconds.
    pub sent_ns: i64,
}

impl Store {
    /// Returns the marks of a network.
    pub async fn cursors(&self, network: &'static str) -> Result<Vec<CursorRow>, StoreError> {
        self.read(move |c| {
            let mut statement =
                c.prepare_cached("SELECT peer, message, sent_ns FROM cursor WHERE network = ?1")?;
            let rows = statement.query_map([network], |row| {
                Ok(CursorRow {
                    peer: peer_at(row, 0)?,
                    message: row.get(1)?,
                    sent_ns: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Moves marks of a network.
    pub async fn set_cursors(
        &self,
        network: &'static str,
        rows: Vec<CursorRow>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let mut statement = c.prepare_cached(
                "INSERT OR REPLACE INTO cursor (network, peer, message, sent_ns) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for row in rows {
                statement.execute(params![network, peer_key(&row.peer), row.message, row.sent_ns])?;
            }
            Ok(())
        })
        .await
    }
}

impl Store {
    /// Forgets the marks of a network that stand before a time.
    pub async fn forget_cursors(
        &self,
        network: &'static str,
        since_ns: i64,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("DELETE FROM cursor WHERE network = ?1 AND sent_ns < ?2")?
                .execute(params![network, since_ns])?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mark_moves_within_its_network() {
        let store = Store::in_memory().expect("memory");
        let row = |message: &str| CursorRow {
            peer: format!("xmtp:{:064x}", 7).parse().expect("an id"),
            message: message.to_owned(),
            sent_ns: 5,
        };
        store
            .set_cursors("local", vec![row("a")])
            .await
            .expect("set");
        store
            .set_cursors("local", vec![row("b")])
            .await
            .expect("set");
        store.set_cursors("dev", vec![row("c")]).await.expect("set");
        assert_eq!(store.cursors("local").await.expect("read"), [row("b")]);
        assert_eq!(store.cursors("dev").await.expect("read"), [row("c")]);
        assert!(store.cursors("production").await.expect("read").is_empty());
        store.forget_cursors("local", 5).await.expect("forgotten");
        assert_eq!(store.cursors("local").await.expect("read"), [row("b")]);
        store.forget_cursors("local", 6).await.expect("forgotten");
        assert!(store.cursors("local").await.expect("read").is_empty());
        assert_eq!(store.cursors("dev").await.expect("read"), [row("c")]);
    }
}
