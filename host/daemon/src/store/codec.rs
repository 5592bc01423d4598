//! How our types lie in columns: ids as short blobs, because they are keys of large indexes. Reads refuse what does
//! not lead back to a value.

use coworker_core::{Digest, PeerId, Scheme, TaskId, Timestamp};
use rusqlite::Row;
use rusqlite::types::Type;

use super::StoreError;

/// Returns the key of a peer: one byte for the scheme, then 32 bytes for a hash, or the word itself.
pub(super) fn peer_key(peer: &PeerId) -> Vec<u8> {
    let mut key = Vec::with_capacity(33);
    key.push(match peer.scheme() {
        Scheme::Xmtp => 1,
        Scheme::Loop => 2,
        Scheme::Local => 3,
    });
    match blake3::Hash::from_hex(peer.id()) {
        Ok(hash) if peer.scheme() != Scheme::Local => key.extend_from_slice(hash.as_bytes()),
        _ => key.extend_from_slice(peer.id().as_bytes()),
    }
    key
}

/// Reads back what [`peer_key`] made.
pub(super) fn peer_of(key: &[u8]) -> Option<PeerId> {
    let (scheme, id) = key.split_first()?;
    let hash = || Some(blake3::Hash::from_bytes(id.try_into().ok()?).to_hex());
    let text = match scheme {
        1 => format!("xmtp:{}", hash()?),
        2 => format!("loop:{}", hash()?),
        3 => format!("local:{}", std::str::from_utf8(id).ok()?),
        _ => return None,
    };
    text.parse().ok()
}

pub(super) fn peer_at(row: &Row<'_>, column: usize) -> rusqlite::Result<PeerId> {
    let key = row.get_ref(column)?.as_blob()?;
    peer_of(key).ok_or_else(|| unreadable(column, Type::Blob, "peer id"))
}

pub(super) fn task_at(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskId> {
    row.get(column).map(TaskId::from_random)
}

pub(super) fn digest_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Digest>> {
    let Some(bytes) = row.get::<_, Option<[u8; 32]>>(column)? else {
        return Ok(None);
    };
    blake3::Hash::from_bytes(bytes)
        .to_hex()
        .parse()
        .map(Some)
        .map_err(|_| unreadable(column, Type::Blob, "digest"))
}

pub(super) fn time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(super) fn maybe_time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// Returns a number that SQLite can hold; what is larger becomes the largest.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a length as a column value.
pub(super) fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Reads back what [`int`] made.
pub(super) fn uint_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or(0))
}

/// Returns at most `limit` bytes of a text, cut between characters: what comes from a peer is bounded before it is
/// stored.
pub(super) fn bounded(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or("")
}

pub(super) fn unreadable(column: usize, kind: Type, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        kind,
        Box::new(StoreError::Unreadable { what }),
    )
}
