//! Damage within the write-ahead log that a host left which did not end in order. SQLite takes the first frame that is
//! not right for the end of the log, as a power cut leaves it, and drops what follows: also commits that were
//! acknowledged. A commit is synced before the next one is written, so a frame that is not right before a whole commit
//! with more behind it is damage.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// The log's own header, and that of each frame.
const HEADER: usize = 32;
const FRAME: usize = 24;
/// The first word of a log whose sums are over little-endian words; those of the other kind end in 1.
const MAGIC: u32 = 0x377f_0682;
/// No page is larger.
const LARGEST: usize = 65_536;

/// One frame, as far as it matters here.
struct Frame {
    /// Whether it is of the present turn of the log.
    is_present: bool,
    /// Whether its sum follows from that of the frame before it.
    follows: bool,
    /// Whether it ends a commit.
    commits: bool,
}

/// Returns whether a log holds whole commits behind a frame that is not right.
pub(super) fn is_damaged(log: &Path) -> bool {
    // What cannot be read here, SQLite cannot read either, and says so.
    File::open(log).is_ok_and(|file| read(BufReader::new(file)).unwrap_or(false))
}

fn read(mut log: impl Read) -> Option<bool> {
    let mut header = [0; HEADER];
    log.read_exact(&mut header).ok()?;
    let magic = word(&header, 0, true)?;
    let size = word(&header, 8, true)? as usize;
    if magic & !1 != MAGIC || !size.is_power_of_two() || !(512..=LARGEST).contains(&size) {
        return None;
    }
    let big = magic & 1 == 1;
    let salts = header.get(16..24)?.to_owned();
    let mut last = sum((0, 0), header.get(..24)?, big)?;
    // A header whose own sum is wrong is the end of an earlier turn.
    if last != (word(&header, 24, true)?, word(&header, 28, true)?) {
        return None;
    }
    let (mut broken, mut committed) = (false, false);
    let mut bytes = vec![0; FRAME + size];
    while log.read_exact(&mut bytes).is_ok() {
        let frame = Frame::read(&bytes, &salts, last, big)?;
        if frame.is_present && frame.follows {
            if broken && committed {
                return Some(true);
            }
            committed = broken && frame.commits;
        } else {
            broken = true;
            committed = false;
        }
        last = (word(&bytes, 16, true)?, word(&bytes, 20, true)?);
    }
    Some(false)
}

impl Frame {
    fn read(bytes: &[u8], salts: &[u8], last: (u32, u32), big: bool) -> Option<Self> {
        let is_present = bytes.get(8..16)? == salts;
        let follows = is_present && {
            let sums = sum(last, bytes.get(..8)?, big)?;
            let sums = sum(sums, bytes.get(FRAME..)?, big)?;
            sums == (word(bytes, 16, true)?, word(bytes, 20, true)?)
        };
        Some(Self {
            is_present,
            follows,
            commits: word(bytes, 4, true)? != 0,
        })
    }
}

/// Goes on with the log's sum over more bytes.
fn sum(from: (u32, u32), bytes: &[u8], big: bool) -> Option<(u32, u32)> {
    let (mut a, mut b) = from;
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(word(pair, 0, big)?).wrapping_add(b);
        b = b.wrapping_add(word(pair, 4, big)?).wrapping_add(a);
    }
    Some((a, b))
}

fn word(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Returns the log of a database that died after these commits, and how long a frame is.
    fn log(commits: usize) -> (Vec<u8>, usize) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.db");
        let c = Connection::open(&path).expect("a database");
        c.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
            .expect("a log");
        c.execute_batch("CREATE TABLE t (b BLOB)").expect("a table");
        for _ in 0..commits {
            c.execute("INSERT INTO t VALUES (zeroblob(9000))", [])
                .expect("a commit of some frames");
        }
        let bytes = std::fs::read(dir.path().join("a.db-wal")).expect("a log");
        (bytes, FRAME + 4_096)
    }

    #[test]
    fn a_frame_that_is_not_right_within_the_log_is_damage() {
        let (bytes, frame) = log(6);
        assert_eq!(read(&bytes[..]), Some(false));
        for at in [
            HEADER + 30,
            HEADER + frame * 3 + 5,
            HEADER + frame * 4 + 2_000,
        ] {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 0x10;
            assert_eq!(read(&spoilt[..]), Some(true), "at {at}");
        }
        let mut spoilt = bytes;
        spoilt[HEADER + frame..HEADER + 3 * frame].fill(0);
        assert_eq!(read(&spoilt[..]), Some(true), "two frames are gone");
    }

    #[test]
    fn a_log_that_a_power_cut_ended_is_not_damaged() {
        let (bytes, frame) = log(4);
        for length in (0..bytes.len()).step_by(977) {
            assert_ne!(read(&bytes[..length]), Some(true), "cut at {length}");
        }
        // The last commit was on its way, and any part of it may have arrived.
        let mut torn = bytes.clone();
        let last = torn.len() - frame;
        torn[last - frame..last].fill(0);
        assert_eq!(read(&torn[..]), Some(false));
        // Behind the end lie zeros, or frames of an earlier turn.
        let longer = [bytes.clone(), vec![0; 9 * frame]].concat();
        assert_eq!(read(&longer[..]), Some(false));
        let mut older = bytes.clone();
        for at in (HEADER..older.len()).step_by(frame) {
            older[at + 8] ^= 1;
        }
        let longer = [bytes, older[HEADER..].to_vec()].concat();
        assert_eq!(read(&longer[..]), Some(false));
    }
}
