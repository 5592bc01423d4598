//! The frame of a group message. The node reads the outside of a `PrivateMessage` and refuses every other kind: what is not
//! sealed is not stored.

use super::Malformed;
use super::reader::Reader;

const MLS10: u16 = 1;
const PRIVATE_MESSAGE: u16 = 2;
const LONGEST_GROUP_ID: usize = 64;

/// What the outside of a message tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    pub(crate) group_id: &'a [u8],
    /// Whether it changes the group. Proposals count: clients read them in the same order as commits.
    pub(crate) is_commit: bool,
}

/// Reads the frame of a message, all of it, so that a message that was cut off or that has something after its end is seen.
pub(crate) fn read_message(bytes: &[u8]) -> Result<Framed<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u16()? != MLS10 {
        return Err(Malformed::Version);
    }
    if reader.u16()? != PRIVATE_MESSAGE {
        return Err(Malformed::NotPrivate);
    }
    let group_id = reader.vector()?;
    if group_id.is_empty() || group_id.len() > LONGEST_GROUP_ID {
        return Err(Malformed::GroupId);
    }
    let _epoch = reader.u64()?;
    let is_commit = match reader.u8()? {
        1 => false,
        2 | 3 => true,
        _ => return Err(Malformed::Content),
    };
    let _authenticated_data = reader.vector()?;
    let sender_data = reader.vector()?;
    let ciphertext = reader.vector()?;
    if sender_data.is_empty() || ciphertext.is_empty() {
        return Err(Malformed::Length);
    }
    reader.end()?;
    Ok(Framed {
        group_id,
        is_commit,
    })
}
