//! What is forged, cut off, out of order or too large gets an error and leaves the database as it was. The originals are
//! real: official clients made them.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use rusqlite::{Connection, OpenFlags, types::Value};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use super::captured;
use super::client::{Client, config, message, start};
use super::signer::{key_package, labelled_key_package};
use crate::identity::check_update;
use crate::mls::{check_key_package, read_message};
use crate::proto::Empty;
use crate::proto::identity::IdentityUpdate;
use crate::proto::mls::WelcomeInput;
use crate::{Node, NodeConfig};

/// Returns a digest of every row of every table.
pub(super) fn rows(folder: &Path) -> [u8; 32] {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(folder.join("node.db"), flags).expect("a database");
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .expect("a schema");
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .expect("tables")
        .collect::<Result<_, _>>()
        .expect("names");
    assert!(tables.len() >= 7, "{tables:?}");
    let mut digest = Sha256::new();
    for table in tables {
        let select = format!("SELECT * FROM {table} ORDER BY 1, 2");
        let mut statement = database.prepare(&select).expect("a table");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                let value: Value = row.get(column).expect("a value");
                digest.update(format!("{value:?}"));
            }
        }
    }
    digest.finalize().into()
}

/// A node with everything that was captured, but for the last update of the first inbox.
struct Rig {
    runtime: Runtime,
    folder: TempDir,
    client: Client,
    before: [u8; 32],
    _node: Node,
}

impl Rig {
    fn new(change: impl FnOnce(&mut NodeConfig)) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(&folder);
        change(&mut config);
        let (node, client) = runtime.block_on(async {
            let (node, client) = start(config).await;
            let updates = captured::updates();
            for update in &updates[..updates.len() - 1] {
                client.publish(update.clone()).await.expect("published");
            }
            for package in captured::key_packages() {
                client.upload(package).await.expect("uploaded");
            }
            client
                .send(&captured::group_messages())
                .await
                .expect("sent");
            client.welcome(captured::welcomes()).await.expect("sent");
            (node, client)
        });
        let before = rows(folder.path());
        Self {
            runtime,
            folder,
            client,
            before,
            _node: node,
        }
    }

    /// Checks that a request is refused with one of `codes` and changes nothing.
    #[track_caller]
    fn refuses(&self, codes: &[Code], request: impl Future<Output = Result<Empty, Status>>) {
        let answer = self.runtime.block_on(request);
        let status = answer.expect_err("it was taken");
        assert!(codes.contains(&status.code()), "{status}");
        assert_eq!(rows(self.folder.path()), self.before, "something changed");
    }
}

/// One way to spoil bytes.
#[derive(Clone, Debug)]
enum Spoil {
    CutAt(Index),
    Flip(Index, u8),
    Extend(Vec<u8>),
    Remove(Index),
    SwapHalves(Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        any::<Index>().prop_map(Spoil::CutAt),
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Spoil::Flip(at, bit)),
        proptest::collection::vec(any::<u8>(), 1..40).prop_map(Spoil::Extend),
        any::<Index>().prop_map(Spoil::Remove),
        any::<Index>().prop_map(Spoil::SwapHalves),
    ]
}

impl Spoil {
    fn apply(&self, original: &[u8]) -> Bytes {
        let mut bytes = original.to_vec();
        match self {
            Self::CutAt(at) => bytes.truncate(at.index(bytes.len())),
            Self::Flip(at, bit) => bytes[at.index(original.len())] ^= 1 << bit,
            Self::Extend(more) => bytes.extend(more),
            Self::Remove(at) => {
                bytes.remove(at.index(original.len()));
            }
            Self::SwapHalves(at) => bytes.rotate_left(at.index(original.len())),
        }
        bytes.into()
    }
}

/// Returns an update without what is not signed: parts of a second, the ways to write Ethereum and a recovery byte.
fn meaning(update: &IdentityUpdate) -> IdentityUpdate {
    let mut update = update.clone();
    update.client_timestamp_ns /= 1_000_000_000;
    for action in &mut update.actions {
        let mut signatures = Vec::new();
        if let Some(create) = &mut action.create_inbox {
            create.identifier_kind = create.identifier_kind.max(1);
            signatures.push(&mut create.signature);
        }
        if let Some(add) = &mut action.add {
            signatures.push(&mut add.existing_member_signature);
            signatures.push(&mut add.new_member_signature);
        }
        if let Some(revoke) = &mut action.revoke {
            signatures.push(&mut revoke.recovery_signature);
        }
        if let Some(change) = &mut action.change_recovery_address {
            change.identifier_kind = change.identifier_kind.max(1);
            signatures.push(&mut change.recovery_signature);
        }
        for signature in signatures.into_iter().flatten() {
            if let Some(wallet) = &mut signature.erc191 {
                let mut bytes = wallet.bytes.to_vec();
                bytes[64] %= 27;
                wallet.bytes = bytes.into();
            }
        }
    }
    update
}

#[test]
fn spoilt_identity_updates_change_nothing() {
    let rig = Rig::new(|_| {});
    let log = captured::log();
    let (last, earlier) = log.split_last().expect("a log");
    let decoded: Vec<IdentityUpdate> = earlier.iter().map(captured::decode).collect();
    let honest = meaning(&captured::decode(last));
    proptest!(ProptestConfig::with_cases(200), |(how in spoil())| {
        let spoilt = how.apply(last);
        let read = IdentityUpdate::decode(spoilt.clone());
        if let Ok(update) = read
            && update.inbox_id == honest.inbox_id
            && check_update(&decoded, &update).is_ok()
        {
            prop_assert_eq!(meaning(&update), honest.clone());
        } else {
            rig.refuses(&[Code::InvalidArgument], rig.client.publish(spoilt));
        }
    });
    // What was refused on the way does not stand in the way of the original.
    rig.runtime
        .block_on(rig.client.publish(last.clone()))
        .expect("the original");
}

#[test]
fn updates_are_taken_in_their_order_and_once() {
    let runtime = Runtime::new().expect("a runtime");
    let log = captured::log();
    let order = Just((0..log.len()).chain(0..log.len()).collect::<Vec<_>>()).prop_shuffle();
    proptest!(ProptestConfig::with_cases(12), |(order in order)| {
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let (node, client) = start(config(&folder)).await;
            let mut taken = Vec::new();
            for at in order {
                if client.publish(log[at].clone()).await.is_ok() {
                    taken.push(at);
                }
            }
            let inbox = captured::decode(&log[0]).inbox_id;
            let stored = client.updates(&inbox, 0).await;
            let stored: Vec<Bytes> = stored.into_iter().map(|(_, body)| body).collect();
            let wanted: Vec<Bytes> = taken.iter().map(|at| log[*at].clone()).collect();
            assert_eq!(stored, wanted);
            assert_eq!(taken.first(), Some(&0), "the creation is first");
            assert!((0..log.len()).all(|at| taken.iter().filter(|it| **it == at).count() <= 1));
            // The last one moves the right to revoke to another address.
            let moved = taken.iter().position(|at| *at == log.len() - 1);
            let after = moved.map_or(&[][..], |moved| &taken[moved..]);
            assert!(!after.contains(&2) && !after.contains(&4), "{taken:?}");
            node.shutdown().await.expect("a clean end");
        });
    });
}

#[test]
fn spoilt_key_packages_change_nothing() {
    let rig = Rig::new(|_| {});
    let packages = captured::key_packages();
    proptest!(ProptestConfig::with_cases(200), |(how in spoil(), which in any::<Index>())| {
        let original = which.get(&packages);
        let spoilt = how.apply(original);
        if spoilt != original {
            rig.refuses(&[Code::InvalidArgument], rig.client.upload(spoilt));
        }
    });
}

#[test]
fn a_key_package_out_of_its_time_is_refused() {
    let rig = Rig::new(|_| {});
    let now = captured::then();
    let (older, newer) = (
        key_package(1, now - 9, now + 9),
        key_package(1, now - 5, now + 9),
    );
    let expired = key_package(1, now - 5, now - 1);
    let early = key_package(1, now + 90_000, now + 99_000);
    let mislabelled = labelled_key_package(1, now - 4, now + 9, "KeyPackageTBS");
    rig.runtime
        .block_on(rig.client.upload(newer.into()))
        .expect("a key package");
    let rig = Rig {
        before: rows(rig.folder.path()),
        ..rig
    };
    rig.refuses(&[Code::FailedPrecondition], rig.client.upload(older.into()));
    for wrong in [expired, early, mislabelled] {
        rig.refuses(&[Code::InvalidArgument], rig.client.upload(wrong.into()));
    }
}

#[test]
fn spoilt_group_messages_change_nothing() {
    let rig = Rig::new(|_| {});
    let sent = captured::group_messages();
    proptest!(ProptestConfig::with_cases(200), |(how in spoil(), which in any::<Index>())| {
        let original = which.get(&sent);
        let spoilt = how.apply(original);
        // What is sealed only the group can check. Everything around it is checked here.
        if read_message(&spoilt).is_err() {
            let good = message(b"other", b"x");
            rig.refuses(&[Code::InvalidArgument], rig.client.send(&[good, spoilt]));
        } else {
            prop_assert!(matches!(how, Spoil::Flip(..)) || spoilt == original);
        }
    });
}

#[test]
fn spoilt_welcomes_change_nothing() {
    let rig = Rig::new(|_| {});
    let welcomes = captured::welcomes();
    let mut spoilt = Vec::new();
    for change in [
        |it: &mut crate::proto::mls::WelcomeInputV1| it.data.clear(),
        |it: &mut crate::proto::mls::WelcomeInputV1| it.installation_key.clear(),
        |it: &mut crate::proto::mls::WelcomeInputV1| it.installation_key = vec![1; 65].into(),
        |it: &mut crate::proto::mls::WelcomeInputV1| it.data = vec![1; 2 * 1024 * 1024 + 1].into(),
        |it: &mut crate::proto::mls::WelcomeInputV1| it.hpke_public_key = vec![1; 5_000].into(),
    ] {
        let mut welcome = welcomes[0].clone();
        change(welcome.v1.as_mut().expect("version 1"));
        spoilt.push(welcome);
    }
    let mut both = welcomes[0].clone();
    both.pointer = Some(crate::proto::mls::WelcomePointerInput::default());
    spoilt.extend([both, crate::proto::mls::WelcomeInput::default()]);
    for welcome in spoilt {
        let mut good = welcomes[1].clone();
        good.v1.as_mut().expect("version 1").data = "new".into();
        rig.refuses(
            &[Code::InvalidArgument],
            rig.client.welcome(vec![good, welcome]),
        );
    }
}

/// Returns whether a node can see that this is no welcome. What it says is sealed for whom it is to.
fn is_no_welcome(input: &WelcomeInput) -> bool {
    let (to, data) = match (&input.v1, &input.pointer) {
        (Some(v1), None) => (&v1.installation_key, &v1.data),
        (None, Some(pointer)) => (&pointer.installation_key, &pointer.welcome_pointer),
        _ => return true,
    };
    data.is_empty() || !(1..=64).contains(&to.len())
}

#[test]
fn welcomes_with_spoilt_bytes_change_nothing() {
    let rig = Rig::new(|_| {});
    let welcomes = captured::welcomes();
    let mut good = welcomes[1].clone();
    good.v1.as_mut().expect("version 1").data = "new".into();
    let good = Bytes::from(good.encode_to_vec());
    let refused = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(200), |(how in spoil(), which in any::<Index>())| {
        let original = which.get(&welcomes).encode_to_vec();
        let spoilt = how.apply(&original);
        if WelcomeInput::decode(spoilt.clone()).is_ok_and(|read| !is_no_welcome(&read)) {
            return Ok(());
        }
        refused.set(refused.get() + 1);
        // The one before it is good, and goes the same way.
        rig.refuses(&[Code::InvalidArgument], rig.client.welcome_bytes(vec![good.clone(), spoilt]));
    });
    assert!(refused.get() > 50, "{} were refused", refused.get());
}

#[test]
fn what_is_too_large_changes_nothing() {
    let rig = Rig::new(|config| config.limits.request_bytes = 12_000_000);
    let large = [
        Code::InvalidArgument,
        Code::OutOfRange,
        Code::ResourceExhausted,
    ];
    for size in [10 * 1024 * 1024, 11_000_000, 13_000_000] {
        let message = message(b"group", &vec![7; size]);
        rig.refuses(&large, rig.client.send(&[message]));
    }
    let mut update = captured::log().last().expect("a log").to_vec();
    // A field that nobody knows, 70 kB long.
    update.extend([0xfa, 0x07, 0xf0, 0xa2, 0x04]);
    update.resize(update.len() + 70_000, 0);
    rig.refuses(&large, rig.client.publish(update.into()));
    let package = [captured::key_packages()[0].to_vec(), vec![0; 70_000]].concat();
    rig.refuses(&large, rig.client.upload(package.into()));
    let many = vec![message(b"group", b"x"); 1_001];
    rig.refuses(&large, rig.client.send(&many));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_message(&bytes);
        let _ = check_key_package(&bytes, 0);
        if let Ok(update) = IdentityUpdate::decode(bytes.as_slice()) {
            prop_assert!(check_update(&[], &update).is_err());
        }
    }
}
