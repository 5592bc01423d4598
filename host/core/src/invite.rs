//! Invite codes: a name and where to reach it, as text to paste. A plain code proves nothing; anybody can write one for
//! any name and address, so that a name in it is a claim. A code with an offer is signed, and old readers skip the offer.

mod offer;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::canonical::write_text;
use crate::json::read_lenient;

pub use offer::{InviteSecret, Offer};

/// Who to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteCode {
    /// What the other side calls itself.
    pub name: String,
    /// The inbox to write to; it wins over the wallet.
    pub inbox_id: Option<String>,
    /// The wallet to write to.
    pub wallet: Option<String>,
    /// The version of the program that made the code.
    pub version: String,
    /// What whoever redeems the code is given.
    pub offer: Option<Offer>,
}

/// Why a text is no invite code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Longer than any code.
    #[error("longer than an invite code can be")]
    TooLong,
    /// Not base64.
    #[error("not an invite code: not base64, or its end is missing")]
    NotBase64,
    /// Not an object of JSON.
    #[error("not an invite code: it holds no JSON object")]
    NotAnObject,
    /// No address.
    #[error("the invite code names neither an inbox nor a wallet")]
    NoAddress,
    /// What it offers cannot be read.
    #[error("what the invite code offers is damaged")]
    BadOffer,
}

/// The longest text that is looked at.
const MAX_CODE: usize = 16 << 10;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

impl InviteCode {
    /// Returns the code as text to paste: an inbox alone if there is one, else the wallet.
    pub fn encode(&self) -> String {
        let mut json = String::new();
        let keys = match (&self.inbox_id, &self.wallet) {
            (Some(inbox), _) => [("n", &self.name), ("i", inbox), ("v", &self.version)],
            (None, wallet) => [
                ("name", &self.name),
                (
                    "wallet",
                    wallet.as_ref().unwrap_or(const { &String::new() }),
                ),
                ("v", &self.version),
            ],
        };
        for (n, (key, text)) in keys.into_iter().enumerate() {
            json.push(if n == 0 { '{' } else { ',' });
            write_text(&mut json, key);
            json.push(':');
            write_text(&mut json, text);
        }
        if let Some(offer) = &self.offer {
            json.push_str(",\"x\":");
            json.push_str(&offer.write());
        }
        json.push('}');
        BASE64.encode(json)
    }

    /// Reads a code. Line breaks and blanks inside it are skipped, as mail programs add them.
    pub fn decode(code: &str) -> Result<Self, InviteError> {
        if code.len() > MAX_CODE {
            return Err(InviteError::TooLong);
        }
        let packed: String = code.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = BASE64.decode(packed).map_err(|_| InviteError::NotBase64)?;
        let value = read_lenient(&bytes, 8).map_err(|_| InviteError::NotAnObject)?;
        let map = value.as_object().ok_or(InviteError::NotAnObject)?;
        let invite = Self {
            name: text(map, &["n", "name"]).unwrap_or_default(),
            inbox_id: text(map, &["i"]),
            wallet: text(map, &["wallet"]),
            version: text(map, &["v", "version"]).unwrap_or_default(),
            offer: match map.get("x") {
                None | Some(Value::Null) => None,
                Some(offer) => Some(Offer::read(offer).ok_or(InviteError::BadOffer)?),
            },
        };
        if invite.inbox_id.is_none() && invite.wallet.is_none() {
            return Err(InviteError::NoAddress);
        }
        Ok(invite)
    }

    /// Returns what the issuer of an offer signs: every part of the code, each of a known length. Nothing where there is
    /// no offer, or no inbox that it could be bound to.
    pub fn statement(&self) -> Option<Vec<u8>> {
        let (offer, inbox) = (self.offer.as_ref()?, self.inbox_id.as_ref()?);
        Some(offer.statement(&[&self.name, inbox, &self.version]))
    }

    /// Returns the short form that people read to each other. It leads nowhere by itself.
    pub fn short_id(&self) -> String {
        match (&self.inbox_id, &self.wallet) {
            (Some(inbox), _) => format!("{}-{}", self.name, part(inbox, 0, 8)),
            (None, Some(wallet)) => format!("{}-{}", self.name, part(wallet, 2, 4)).to_lowercase(),
            (None, None) => self.name.clone(),
        }
    }
}

fn part(text: &str, skip: usize, take: usize) -> String {
    text.chars().skip(skip).take(take).collect()
}

fn text(map: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter()
        .find_map(|key| map.get(*key)?.as_str().filter(|text| !text.is_empty()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_match_the_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/hash-vectors.json"))
                .expect("the vectors are JSON");
        let rows = vectors["invite"].as_array().expect("a list");
        assert!(rows.len() >= 5);
        for row in rows {
            let code = row["code"]
                .as_str()
                .or(row["demo_bot"].as_str())
                .expect("a code");
            let invite = InviteCode::decode(code).expect("a good code");
            let python = &row["decoded_by_python"];
            assert_eq!(invite.name, python["name"]);
            assert_eq!(invite.inbox_id.as_deref().unwrap_or(""), python["inbox_id"]);
            assert_eq!(invite.wallet.as_deref().unwrap_or(""), python["wallet"]);
            assert_eq!(invite.version, python["version"]);
            // Codes with a list of skills come from a dashboard; we read them and write none.
            if !row["json"].as_str().expect("text").contains("skills") {
                assert_eq!(invite.encode(), code);
            }
        }
    }

    #[test]
    fn short_ids_are_the_old_ones() {
        let mut invite = InviteCode {
            name: "My-Bot".into(),
            inbox_id: Some("7d0a24d9abab".into()),
            wallet: Some("0xABCDEF".into()),
            version: String::new(),
            offer: None,
        };
        assert_eq!(invite.short_id(), "My-Bot-7d0a24d9");
        invite.inbox_id = None;
        assert_eq!(invite.short_id(), "my-bot-abcd");
    }

    fn offering() -> InviteCode {
        InviteCode {
            name: "ann\u{e9}".into(),
            inbox_id: Some("7d".repeat(32)),
            wallet: None,
            version: "0.1.0".into(),
            offer: Some(Offer {
                secret: InviteSecret::from_random([7; 16]),
                tier: crate::Tier::Known,
                expires: crate::Timestamp(1_800_000_000_000_000),
                network: "loopback".into(),
                key: [1; 32],
                signature: [2; 64],
            }),
        }
    }

    #[test]
    fn an_offer_travels_whole_and_old_readers_see_a_plain_code() {
        let invite = offering();
        let code = invite.encode();
        assert_eq!(InviteCode::decode(&code), Ok(invite.clone()));
        let json = BASE64.decode(&code).expect("base64");
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["n", "i", "v", "x"]);
        assert_eq!(json["i"], "7d".repeat(32));
        assert!(!format!("{invite:?}").contains(&offering().offer.expect("one").secret.encode()));
    }

    #[test]
    fn a_damaged_offer_is_no_plain_code() {
        let json = BASE64.decode(offering().encode()).expect("base64");
        let whole: Value = serde_json::from_slice(&json).expect("JSON");
        for (key, bad) in [
            ("s", Value::from("short")),
            ("t", Value::from(0)),
            ("t", Value::from(4)),
            ("e", Value::from("soon")),
            ("e", Value::from(i64::MAX)),
            ("w", Value::from("")),
            ("k", Value::Null),
            ("g", Value::from("AA")),
        ] {
            let mut json = whole.clone();
            json["x"][key] = bad;
            let code = BASE64.encode(json.to_string());
            assert_eq!(
                InviteCode::decode(&code),
                Err(InviteError::BadOffer),
                "{key}"
            );
        }
    }

    #[test]
    fn every_part_of_a_code_is_in_its_statement() {
        let whole = offering().statement();
        assert!(whole.is_some());
        let changes: [fn(&mut InviteCode); 8] = [
            |code| code.name.push('x'),
            |code| code.inbox_id = Some("7e".repeat(32)),
            |code| code.version.push('x'),
            |code| code.offer.as_mut().expect("one").secret = InviteSecret::from_random([8; 16]),
            |code| code.offer.as_mut().expect("one").tier = crate::Tier::Internal,
            |code| code.offer.as_mut().expect("one").expires.0 += 1_000_000,
            |code| code.offer.as_mut().expect("one").network.push('x'),
            |code| code.offer.as_mut().expect("one").key = [3; 32],
        ];
        for change in changes {
            let mut code = offering();
            change(&mut code);
            assert_ne!(code.statement(), whole);
        }
        // What moves from one part to the next is another statement.
        let mut moved = offering();
        moved.name.pop();
        moved.inbox_id = Some(format!("\u{e9}{}", "7d".repeat(32)));
        assert_ne!(moved.statement(), whole);
        moved.inbox_id = None;
        assert_eq!(moved.statement(), None);
    }

    #[test]
    fn bad_codes_are_refused_with_the_reason() {
        let pack = |json: &str| BASE64.encode(json);
        let broken = "eyJuIjoibXkt\nYm90IiwiaSI6IjAifQ=";
        for (code, error) in [
            (broken.to_owned(), InviteError::NotBase64),
            ("eyJu_-".to_owned(), InviteError::NotBase64),
            (pack("[]"), InviteError::NotAnObject),
            (pack("{\"n\": \"x\"}"), InviteError::NoAddress),
            (pack("{\"n\": \"x\", \"i\": 7}"), InviteError::NoAddress),
            ("A".repeat(MAX_CODE + 1), InviteError::TooLong),
        ] {
            assert_eq!(InviteCode::decode(&code), Err(error), "{code}");
        }
        let spread = pack("{\"n\":\"x\",\"i\":\"0\"}").replace('i', "i\r\n ");
        assert_eq!(
            InviteCode::decode(&spread).map(|invite| invite.name),
            Ok("x".to_owned())
        );
    }
}
