//! What the host's wallet signs: that it makes its own inbox, and that one installation may speak for it. The text is
//! taken apart, judged, and put together again from its parts; only if that gives the same bytes is it signed. Everything
//! else a wallet could sign for XMTP (another installation, a revocation, another wallet, a change of recovery, a bare
//! digest) is refused, whoever asks.

use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// The ends of what is signed.
const HEAD: &str = "XMTP : Authenticate to inbox\n\nInbox ID: ";
const TAIL: &str = "\n\nFor more info: https://xmtp.org/signatures";
const CREATE: &str = "- Create inbox\n  (Owner: ";
const GRANT: &str = "- Grant messaging access to app\n  (ID: ";

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It is not one of the two texts, in every byte.
    #[error("it is not a text that a host signs")]
    Foreign,
    /// It speaks for another wallet.
    #[error("it names another wallet")]
    Owner,
    /// It speaks for another inbox.
    #[error("it names another inbox")]
    Inbox,
    /// Another installation has the right to speak for us already.
    #[error("another installation already speaks for this inbox")]
    Installation,
}

/// What was signed before, or may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Our inbox, once the network knows it.
    pub(super) inbox: Option<String>,
    /// The installation that may speak for it.
    pub(super) installation: Option<String>,
}

/// A text that may be signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    inbox: String,
    time: OffsetDateTime,
    /// The owner of the inbox, if the text makes one.
    owner: Option<String>,
    /// Whom it gives the right to speak.
    pub(super) installation: String,
}

impl Statement {
    /// Returns the statement that a text makes, if it is one that this wallet may sign.
    pub(super) fn judge(text: &str, address: &str, known: &Known) -> Result<Self, Refused> {
        let statement = Self::read(text).ok_or(Refused::Foreign)?;
        if statement.text().as_deref() != Some(text) {
            return Err(Refused::Foreign);
        }
        if statement
            .owner
            .as_ref()
            .is_some_and(|owner| owner != address)
        {
            return Err(Refused::Owner);
        }
        let ours = match &known.inbox {
            Some(inbox) => *inbox == statement.inbox,
            None => (0..=1).any(|nonce| inbox_of(address, nonce) == statement.inbox),
        };
        if !ours {
            return Err(Refused::Inbox);
        }
        match &known.installation {
            Some(installation) if *installation != statement.installation => {
                Err(Refused::Installation)
            }
            _ => Ok(statement),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
        let (inbox, rest) = body.split_once("\nCurrent time: ")?;
        let (time, acts) = rest.split_once("\n\n")?;
        let (owner, acts) = match acts.strip_prefix(CREATE) {
            Some(rest) => {
                let (owner, rest) = rest.split_once(")\n")?;
                (Some(owner.to_owned()), rest)
            }
            None => (None, acts),
        };
        let installation = acts.strip_prefix(GRANT)?.strip_suffix(')')?;
        (is_id(inbox) && is_id(installation)).then_some(())?;
        Some(Self {
            inbox: inbox.to_owned(),
            time: OffsetDateTime::parse(time, &Rfc3339).ok()?,
            owner,
            installation: installation.to_owned(),
        })
    }

    fn text(&self) -> Option<String> {
        // Whole seconds in UTC, as the client writes them: any other spelling makes another text.
        let time = self
            .time
            .to_offset(UtcOffset::UTC)
            .replace_nanosecond(0)
            .ok()?;
        let time = time.format(&Rfc3339).ok()?;
        let create = self
            .owner
            .as_ref()
            .map(|owner| format!("{CREATE}{owner})\n"));
        Some(format!(
            "{HEAD}{}\nCurrent time: {time}\n\n{}{GRANT}{}){TAIL}",
            self.inbox,
            create.unwrap_or_default(),
            self.installation
        ))
    }
}

/// Returns the inbox that a wallet makes with a nonce.
fn inbox_of(address: &str, nonce: u64) -> String {
    crate::home::hex(&Sha256::digest(format!("{address}{nonce}")))
}

/// Returns whether a text is 32 bytes in lower-case hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "0xeea05a7fd9f7ebe7a6d453a597e127c5277fc301";
    const INBOX: &str = "56557e8f23b50c8dee314108ce14536b12d6681d2420e74af5e864f672955f6b";
    const APP: &str = "94f2623a8e23178169d226cc146b9aa8a8fd4d70cf21757ab868d409adc4b4b6";

    /// The text of the official client for this wallet, as it was captured.
    fn create() -> String {
        format!(
            "XMTP : Authenticate to inbox\n\nInbox ID: {INBOX}\nCurrent time: 2026-11-21T10:58:48Z\n\n- Create inbox\n  \
             (Owner: {ME})\n- Grant messaging access to app\n  (ID: {APP})\n\nFor more info: https://xmtp.org/signatures"
        )
    }

    fn judge(text: &str) -> Result<String, Refused> {
        Statement::judge(text, ME, &Known::default()).map(|statement| statement.installation)
    }

    #[test]
    fn what_the_official_client_asks_at_its_start_is_signed() {
        assert_eq!(judge(&create()), Ok(APP.to_owned()));
        let grant = create().replace(&format!("- Create inbox\n  (Owner: {ME})\n"), "");
        assert_eq!(
            judge(&grant),
            Ok(APP.to_owned()),
            "a new database for an inbox that exists"
        );
        let known = Known {
            inbox: Some(INBOX.to_owned()),
            installation: Some(APP.to_owned()),
        };
        assert!(
            Statement::judge(&create(), ME, &known).is_ok(),
            "the same once more"
        );
    }

    #[test]
    fn a_second_installation_is_refused() {
        let known = Known {
            inbox: Some(INBOX.to_owned()),
            installation: Some("ab".repeat(32)),
        };
        assert_eq!(
            Statement::judge(&create(), ME, &known),
            Err(Refused::Installation)
        );
    }

    #[test]
    fn every_other_text_is_refused() {
        let other = "0x1111111111111111111111111111111111111111";
        let acts = format!(
            "- Create inbox\n  (Owner: {ME})\n- Grant messaging access to app\n  (ID: {APP})"
        );
        let with = |acts_now: &str| create().replace(&acts, acts_now);
        let grant = format!("- Grant messaging access to app\n  (ID: {APP})");
        for (text, why) in [
            (String::new(), Refused::Foreign),
            (APP.to_owned(), Refused::Foreign),
            (format!("0x{APP}"), Refused::Foreign),
            (
                "\x19Ethereum Signed Message:\n32".to_owned() + APP,
                Refused::Foreign,
            ),
            (
                with(&format!(
                    "- Revoke messaging access from app\n  (ID: {APP})"
                )),
                Refused::Foreign,
            ),
            (
                with(&format!("- Link address to inbox\n  (Address: {other})")),
                Refused::Foreign,
            ),
            (
                with(&format!("- Unlink address from inbox\n  (Address: {ME})")),
                Refused::Foreign,
            ),
            (
                with(&format!(
                    "- Change inbox recovery address\n  (Address: {other})"
                )),
                Refused::Foreign,
            ),
            (
                with(&format!("- Create inbox\n  (Owner: {ME})")),
                Refused::Foreign,
            ),
            (with(&format!("{grant}\n{grant}")), Refused::Foreign),
            (
                with(&format!(
                    "{grant}\n- Link address to inbox\n  (Address: {other})"
                )),
                Refused::Foreign,
            ),
            (
                with(&format!(
                    "- Link address to inbox\n  (Address: {other})\n{grant}"
                )),
                Refused::Foreign,
            ),
            (
                with(&format!(
                    "{grant}\n- Change inbox recovery address\n  (Address: {other})"
                )),
                Refused::Foreign,
            ),
            (
                with(&format!(
                    "- Create inbox\n  (Owner: {ME})\n- Link address to inbox\n  (Address: {other})\n{grant}"
                )),
                Refused::Foreign,
            ),
            (create().replace(ME, other), Refused::Owner),
            (create().replace(ME, &ME.to_uppercase()), Refused::Owner),
            (create().replace(INBOX, &"0".repeat(64)), Refused::Inbox),
            (create().replace(APP, &APP.to_uppercase()), Refused::Foreign),
            (create().replace(APP, "ab"), Refused::Foreign),
            (
                create().replace("10:58:48Z", "10:58:48.5Z"),
                Refused::Foreign,
            ),
            (
                create().replace("10:58:48Z", "10:58:48+00:00"),
                Refused::Foreign,
            ),
            (
                create().replace("2026-11-21T10:58:48Z", "now"),
                Refused::Foreign,
            ),
            (
                create().replace("\n\nFor more", "\n\n\nFor more"),
                Refused::Foreign,
            ),
            (create() + "\n", Refused::Foreign),
            (format!(" {}", create()), Refused::Foreign),
            (create().replace("https", "http"), Refused::Foreign),
            (create().replace("XMTP : ", "XMTP: "), Refused::Foreign),
        ] {
            assert_eq!(judge(&text), Err(why), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn one_changed_byte_is_refused(place in 0usize..300, byte in 0u8..128) {
            let mut text = create().into_bytes();
            let place = place % text.len();
            // The time and the installation are the client's to choose.
            let whole = create();
            let free = |part: &str| whole.find(part).map(|at| at..at + part.len()).expect("part of it");
            proptest::prop_assume!(text[place] != byte);
            proptest::prop_assume!(!free("2026-11-21T10:58:48").contains(&place) && !free(APP).contains(&place));
            text[place] = byte;
            let text = String::from_utf8(text).expect("ASCII");
            proptest::prop_assert!(judge(&text).is_err());
        }
    }
}
