//! The text that the members sign. A wallet shows it to its owner, so it is words; clients build the same bytes from the
//! update, and a difference of one byte makes every signature wrong.

use time::OffsetDateTime;

use super::Refused;
use super::address::hex;
use super::state::{Act, Member};

/// Returns what is signed for an update of `inbox_id` made at `timestamp_ns`.
pub(super) fn signature_text(
    inbox_id: &str,
    timestamp_ns: u64,
    acts: &[Act],
) -> Result<String, Refused> {
    let acts: Vec<String> = acts.iter().map(act_text).collect();
    Ok(format!(
        "XMTP : Authenticate to inbox\n\nInbox ID: {inbox_id}\nCurrent time: {time}\n\n{acts}\n\nFor more info: https://xmtp.org/signatures",
        time = time_text(timestamp_ns)?,
        acts = acts.join("\n"),
    ))
}

fn act_text(act: &Act) -> String {
    match act {
        Act::Create { address, .. } => format!("- Create inbox\n  (Owner: {address})"),
        Act::Add { member, .. } => match member {
            Member::Address(address) => {
                format!("- Link address to inbox\n  (Address: {address})")
            }
            Member::Installation(key) => {
                format!("- Grant messaging access to app\n  (ID: {})", hex(key))
            }
        },
        Act::Revoke { member, .. } => match member {
            Member::Address(address) => {
                format!("- Unlink address from inbox\n  (Address: {address})")
            }
            Member::Installation(key) => {
                format!("- Revoke messaging access from app\n  (ID: {})", hex(key))
            }
        },
        Act::ChangeRecovery { address, .. } => {
            format!("- Change inbox recovery address\n  (Address: {address})")
        }
    }
}

/// Whole seconds: what is finer is not signed.
fn time_text(timestamp_ns: u64) -> Result<String, Refused> {
    let seconds = i64::try_from(timestamp_ns).map_err(|_| Refused::Timestamp)? / 1_000_000_000;
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Refused::Timestamp)?;
    Ok(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    ))
}
