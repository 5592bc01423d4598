//! What an agent-coworker home holds, read and never changed: a key, a name, and peers with their tiers. The peers and
//! tiers are proposals only: that program believed what senders claimed about themselves.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use coworker_core::{PeerId, Tier, read_lenient};
use serde_json::{Map, Value};

use crate::clock;
use crate::home::Wallet;
use crate::report::{Failure, printable};
use crate::store::ProposalRow;

/// The largest file that is read: such homes keep the cards of all peers in one.
const FILE: u64 = 16 << 20;
/// How deep its JSON may nest.
const DEPTH: u32 = 64;
/// How many peers are taken over.
const PEERS: usize = 1_000;
/// How long an agent that runs may take to accept a connection on this machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Debug)]
pub struct Imported {
    /// What the agent called itself, if a host may be called so.
    pub name: Option<String>,
    /// The key of its wallet.
    pub secret: [u8; 32],
    /// Its wallet.
    pub wallet: Wallet,
    /// Its peers and their tiers.
    pub proposals: Vec<ProposalRow>,
    /// Entries that could not be understood.
    pub skipped: usize,
}

/// Reads a home. Refused while its agent runs: two programs under one identity would take each other's messages.
pub fn read(dir: &Path) -> Result<Imported, Failure> {
    if !dir.is_dir() {
        return Err(
            Failure::failed(format!("there is no folder {}", dir.display()))
                .hint("name the home of an agent-coworker, which usually is ~/.coworker"),
        );
    }
    refuse_running(dir)?;
    let wallet = object(dir, "wallet.json")?.ok_or_else(|| {
        Failure::failed(format!("{} holds no wallet.json", dir.display()))
            .hint("name the home of an agent-coworker that was set up with `coworker init`")
    })?;
    let secret = secret(&wallet).ok_or_else(|| {
        Failure::failed("wallet.json holds no usable key")
            .cause("`private_key` is not 64 hexadecimal digits")
    })?;
    let wallet = Wallet::from_secret(&secret)
        .ok_or_else(|| Failure::failed("wallet.json holds no usable key"))?;
    let peers = object(dir, "peers.json")?.unwrap_or_default();
    let tiers = object(dir, "trust.json")?.unwrap_or_default();
    let (proposals, skipped) = proposals(&peers, &tiers);
    Ok(Imported {
        name: name(dir)?,
        secret,
        wallet,
        proposals,
        skipped,
    })
}

/// The agent is reached by a bridge, whose port and process it writes down.
fn refuse_running(dir: &Path) -> Result<(), Failure> {
    let number = |file: &str| -> Result<Option<u32>, Failure> {
        Ok(text(dir, file)?.and_then(|text| text.trim().parse().ok()))
    };
    let listens = number("bridge_port")?
        .and_then(|port| u16::try_from(port).ok())
        .is_some_and(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            TcpStream::connect_timeout(&address, PATIENCE).is_ok()
        });
    // While it starts it has a process and no port yet. Numbers of processes come again, so the name counts too, where
    // the system tells it.
    let starts = number("bridge.pid")?.is_some_and(|process| {
        std::fs::read(format!("/proc/{process}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains("xmtp_bridge"))
    });
    if listens || starts {
        return Err(
            Failure::failed(format!("the agent of {} is running", dir.display()))
                .cause("two programs under one identity would take each other's messages")
                .hint("stop it with `coworker bridge stop`, then try again"),
        );
    }
    Ok(())
}

fn name(dir: &Path) -> Result<Option<String>, Failure> {
    for file in ["chain_identity.json", "config.json"] {
        let Some(fields) = object(dir, file)? else {
            continue;
        };
        let found = ["claw_name", "name", "peer_id"]
            .iter()
            .find_map(|key| fields.get(*key)?.as_str().filter(|name| !name.is_empty()));
        if let Some(name) = found {
            return Ok(fit(name));
        }
    }
    Ok(None)
}

/// Returns a name if it may be one of ours.
fn fit(name: &str) -> Option<String> {
    let plain = (1..=64).contains(&name.chars().count()) && printable(name) == name;
    plain.then(|| name.to_owned())
}

fn secret(wallet: &Map<String, Value>) -> Option<[u8; 32]> {
    let text = wallet.get("private_key")?.as_str()?.trim();
    let text = text.strip_prefix("0x").unwrap_or(text);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut secret = [0; 32];
    for (place, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(secret)
}

/// Where a peer was written to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    /// Of an inbox: 64 digits.
    Inbox(String),
    /// Of a wallet: `0x` and 40 digits.
    Wallet(String),
}

impl Address {
    /// Reads an address; in lower case, as both kinds are compared.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("0x") {
            Some(digits) if hex(digits, 40) => Some(Self::Wallet(lower)),
            None if hex(&lower, 64) => Some(Self::Inbox(lower)),
            _ => None,
        }
    }
}

/// Returns every peer with the tier that it had, and how many entries made no sense.
fn proposals(peers: &Map<String, Value>, tiers: &Map<String, Value>) -> (Vec<ProposalRow>, usize) {
    let mut skipped = 0;
    let mut known: BTreeMap<Address, Tier> = BTreeMap::new();
    for (key, tier) in tiers {
        match (Address::read(key), tier_of(tier)) {
            // Of two spellings of one address the lower counts: that program took them for two peers.
            (Some(address), Some(tier)) => {
                let entry = known.entry(address).or_insert(tier);
                *entry = tier.min(*entry);
            }
            _ => skipped += 1,
        }
    }
    let mut rows = Vec::new();
    for (name, record) in peers {
        let addresses = ["inbox_id", "wallet"].map(|key| {
            let text = record.get(key).and_then(Value::as_str);
            text.and_then(Address::read)
        });
        let mut found: Vec<Address> = addresses.into_iter().flatten().collect();
        found.sort();
        found.dedup();
        if found.is_empty() {
            skipped += 1;
            continue;
        }
        let tier = found.iter().filter_map(|address| known.remove(address));
        let tier = tier.min().unwrap_or_default();
        rows.extend(row(&found, fit(name), tier));
    }
    let nameless = known
        .into_iter()
        .filter(|(_, tier)| *tier > Tier::Untrusted);
    rows.extend(nameless.filter_map(|(address, tier)| row(&[address], None, tier)));
    skipped += rows.len().saturating_sub(PEERS);
    rows.truncate(PEERS);
    (rows, skipped)
}

fn row(addresses: &[Address], name: Option<String>, tier: Tier) -> Option<ProposalRow> {
    let (mut peer, mut wallet) = (None, None);
    for address in addresses {
        match address {
            Address::Inbox(inbox) => peer = format!("xmtp:{inbox}").parse::<PeerId>().ok(),
            Address::Wallet(address) => wallet = Some(address.clone()),
        }
    }
    let who = peer
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| wallet.clone())?;
    let hash = blake3::derive_key("coworker-host proposal v1", who.as_bytes());
    Some(ProposalRow {
        id: hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        peer,
        wallet,
        name,
        tier,
        at: clock::now(),
    })
}

fn tier_of(value: &Value) -> Option<Tier> {
    match value {
        Value::String(name) => Tier::ALL
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(name)),
        value => Tier::from_level(u8::try_from(value.as_u64()?).ok()?),
    }
}

fn object(dir: &Path, file: &str) -> Result<Option<Map<String, Value>>, Failure> {
    let Some(text) = text(dir, file)? else {
        return Ok(None);
    };
    match read_lenient(text.as_bytes(), DEPTH) {
        Ok(Value::Object(fields)) => Ok(Some(fields)),
        _ => Err(
            Failure::failed(format!("{} cannot be read", dir.join(file).display()))
                .cause("it holds no JSON object"),
        ),
    }
}

fn text(dir: &Path, file: &str) -> Result<Option<String>, Failure> {
    let path = dir.join(file);
    let read = || {
        // A pipe or a device under this name would never end.
        if !std::fs::metadata(&path)?.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let mut text = String::new();
        let length = std::fs::File::open(&path)?
            .take(FILE + 1)
            .read_to_string(&mut text)?;
        if length as u64 > FILE {
            return Err(std::io::Error::other("it is too large"));
        }
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::failed(format!("{} cannot be read", path.display())).caused_by(&error))
        }
    }
}

#[cfg(test)]
mod tests;
