use std::path::PathBuf;

use serde_json::json;

use super::*;

const WALLET: &str = "0xdf538866e918f5f2edbda690e450c9aa2c91a6d6";

fn inbox(digits: &str) -> String {
    digits.repeat(32)
}

fn rows(peers: Value, tiers: Value) -> (Vec<ProposalRow>, usize) {
    let map = |value: Value| value.as_object().expect("an object").clone();
    proposals(&map(peers), &map(tiers))
}

#[test]
fn a_home_of_the_real_package_is_read_whole() {
    let dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/coworker-0.6.1-home");
    let imported = read(&dir).expect("a good home");
    assert_eq!(imported.name.as_deref(), Some("bob"));
    assert_eq!(imported.skipped, 0);
    assert_eq!(
        crate::home::hex(&imported.secret),
        "7478a4827cb137b170ebd8ccd15b35951338dca84a282e2526d5dd840a01ec1a"
    );
    let found: Vec<_> = imported
        .proposals
        .iter()
        .map(|row| {
            let peer = row.peer.as_ref().map(ToString::to_string);
            (row.name.as_deref(), peer, row.wallet.as_deref(), row.tier)
        })
        .collect();
    let expected = [
        (
            Some("alice"),
            Some(format!("xmtp:{}", inbox("a1"))),
            None,
            Tier::Known,
        ),
        (
            Some("carol the third"),
            Some(format!("xmtp:{}", inbox("b2"))),
            None,
            Tier::Untrusted,
        ),
        (Some("dave"), None, Some(WALLET), Tier::Internal),
        (
            None,
            None,
            Some("0x1111111111111111111111111111111111111111"),
            Tier::Privileged,
        ),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_peer_that_was_written_to_by_its_inbox_has_it_as_its_wallet_there() {
    let (found, skipped) = rows(
        json!({ "p": { "wallet": inbox("C3"), "skills": [], "card_hash": "x" } }),
        json!({ (inbox("c3")): 2 }),
    );
    assert_eq!((found.len(), skipped), (1, 0));
    assert_eq!(found[0].peer, format!("xmtp:{}", inbox("c3")).parse().ok());
    assert_eq!(found[0].tier, Tier::Internal);
}

#[test]
fn of_two_spellings_and_of_two_addresses_the_lower_tier_is_proposed() {
    let upper = WALLET.to_uppercase().replacen("0X", "0x", 1);
    let (found, _) = rows(
        json!({ "p": { "wallet": WALLET, "inbox_id": inbox("d4") } }),
        json!({ (upper): "privileged", (WALLET): "known", (inbox("d4")): "internal" }),
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tier, Tier::Known);
    assert_eq!(found[0].wallet.as_deref(), Some(WALLET));
}

#[test]
fn what_makes_no_sense_is_counted_and_proposes_nothing() {
    let (found, skipped) = rows(
        json!({ "a": 1, "b": {}, "c": { "wallet": "0x12" }, "d": { "inbox_id": 7 } }),
        json!({ "somebody": "known", (WALLET): "root", (inbox("e5")): 4, (inbox("f6")): -1, (inbox("aa")): null }),
    );
    assert_eq!((found.len(), skipped), (0, 9));
    let names = json!({ "\u{202e}x": { "inbox_id": inbox("a1") }, ("n".repeat(65)): { "inbox_id": inbox("b2") } });
    let (found, _) = rows(names, json!({}));
    assert!(found.iter().all(|row| row.name.is_none()));
    let many: Map<String, Value> = (0..1_500)
        .map(|n| (n.to_string(), json!({ "inbox_id": format!("{n:064x}") })))
        .collect();
    let (found, skipped) = proposals(&many, &Map::new());
    assert_eq!((found.len(), skipped), (1_000, 500));
}

#[test]
fn the_same_peer_has_the_same_id_again() {
    let once = || {
        rows(json!({ "p": { "wallet": WALLET } }), json!({}))
            .0
            .remove(0)
            .id
    };
    assert_eq!(once(), once());
    assert_eq!(once().len(), 16);
}

#[test]
fn an_agent_that_runs_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).expect("ours");
    write(
        "wallet.json",
        &json!({ "private_key": format!("0x{}", inbox("07")) }).to_string(),
    );
    assert!(read(dir.path()).is_ok());
    let bridge = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = bridge.local_addr().expect("bound").port();
    write("bridge_port", &format!("{port}\n"));
    let refused = read(dir.path()).expect_err("it runs");
    assert!(refused.what.contains("is running"), "{refused}");
    drop(bridge);
    assert!(
        read(dir.path()).is_ok(),
        "a port that is left over stops nobody"
    );
    write("bridge.pid", &std::process::id().to_string());
    assert!(
        read(dir.path()).is_ok(),
        "nor does the number of another process"
    );
}

#[test]
fn broken_homes_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).expect("ours");
    let told = || read(dir.path()).expect_err("a broken home").to_string();
    assert!(told().contains("holds no wallet.json"));
    for bad in [
        "",
        "0x",
        "zz",
        &inbox("00"),
        &format!("0x{}", inbox("é")),
        &inbox("ff"),
    ] {
        write("wallet.json", &json!({ "private_key": bad }).to_string());
        assert!(told().contains("no usable key"), "{bad}");
        assert!(
            bad.is_empty() || !told().contains(bad),
            "a key is never shown"
        );
    }
    write("wallet.json", "[1]");
    assert!(told().contains("wallet.json cannot be read"));
    write(
        "wallet.json",
        &json!({ "private_key": inbox("07") }).to_string(),
    );
    write("trust.json", "{");
    assert!(told().contains("trust.json cannot be read"));
    std::fs::remove_file(dir.path().join("trust.json")).expect("ours");
    std::fs::create_dir(dir.path().join("peers.json")).expect("ours");
    assert!(told().contains("it is not a file"));
}
