//! A database of any version that was ever released opens, with all that is in it.

use coworker_core::{Digest, PeerId, TaskId, Tier, Timestamp};
use rusqlite::params;

use super::super::codec::peer_key;
use super::super::{Recorded, Store, StoreOptions, TaskState};
use super::*;

/// What each step was when it was released. A step that differs from its line was changed, and databases that took it are
/// no longer those that a new one is: put the step back, and make the change in a step of its own.
const RELEASED: [&str; 13] = [
    "3495d714b215c249fffdd6fd0afdd429e8916f6f830e9ddeab79e494d9a89b42",
    "f6a0910414a37cc25bbcafc28a47deaea3f8704d201f0ce8d79d231404d81488",
    "cdaf930d1f1f4d22b31603318e5c783e8af243380efe44987d4a774eb3c2ea92",
    "253e2835fb9a62d7f75119806202327a3beedb43839ed3823a5275120e15ef9b",
    "268aa81ee8b8c885ca339eac55154117361e0a50506f21e2a49f79ba9b94de35",
    "b5b57d9d9f6d427c45f3af64f5068394890d510ee3df52c3171d3eec54e63935",
    "d8daed82a94ca6a30cc12ecb2c65ebcb273bb52b48ee192970565be88168fc96",
    "23e0a88299c7396efbcfd326a27036e9163398a9b41780516d1f7adc2da9fa94",
    "b0a70a04864f24c09f265c69fec9bc9295a9eb7115f31bba37316fcf7c2d0c29",
    "3a0d7f28664860114ec104932adbde75e68ea82528f713341035f83ccd0a5f53",
    "583440ac38953712e098735bb4c2260a361ad7202a319ce6b70fcade0174e3f7",
    "6b775d9fdb497af17a088b6b5ac8cf68e929d00f31fb021438e8be19f381adda",
    "719eb30cd28f5985586d605a1b4282977f44934fd0674fa020c4e3e2b66d930f",
];

const NOW: i64 = 1_000_000_000_000_000;
const REQUEST: &[u8] = b"a request";
const ANSWER: &[u8] = b"an answer";
const REVIEWED: &str = r#"{"digest":"DIGEST","manifests":[],"imports":[],"grants":{},"limits":{}}"#;

fn peer() -> PeerId {
    format!("loop:{:064x}", 5).parse().expect("64 digits")
}

fn task(n: u64) -> TaskId {
    TaskId::from_random(u128::from(n).to_be_bytes())
}

/// Makes a database of a version, as a host of that version left it.
fn of_version(path: &std::path::Path, version: usize) -> Connection {
    let connection = Connection::open(path).expect("a file of ours");
    let steps = steps();
    migrate_with(&connection, None, &steps[..version]).expect("an old schema");
    connection
}

/// Writes rows of the first version: one request answered and on its way, one waiting, their peer, and an approval.
fn fill(c: &Connection) {
    let (peer, digest) = (peer_key(&peer()), Digest::of(b"component"));
    let put = "INSERT INTO task (seq, task, peer, kind, correlation, skill, transport_id, size, received, expires,
               state, open, attempt, digest, outcome, finished, reply_size, cpu, wall, memory, host_calls, model_calls)
               VALUES (?1, ?2, ?3, 'task_request', 'c', 'echo', 'm', 9, ?4, ?5,
               ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?13, ?13, ?14)";
    let ids = [task(1), task(2)];
    let ids = ids.each_ref().map(TaskId::as_bytes);
    c.execute(
        put,
        params![
            1,
            ids[0],
            peer,
            NOW,
            NOW + 1,
            2,
            0,
            1,
            digest.as_bytes(),
            "OK",
            NOW,
            9,
            7,
            0
        ],
    )
    .expect("a finished task");
    let none: Option<i64> = None;
    c.execute(
        put,
        params![
            2,
            ids[1],
            peer,
            NOW,
            NOW + 1,
            0,
            1,
            0,
            none,
            none,
            none,
            none,
            none,
            none
        ],
    )
    .expect("a waiting task");
    c.execute("INSERT INTO request (seq, body) VALUES (2, ?1)", [REQUEST])
        .expect("its body");
    c.execute("INSERT INTO answer (seq, body) VALUES (1, ?1)", [ANSWER])
        .expect("an answer");
    c.execute(
        "INSERT INTO outbox (id, peer, seq, message, size, created, not_before) VALUES (4, ?1, 1, 'id', 9, 0, 0)",
        [&peer],
    )
    .expect("a place in the outbox");
    c.execute(
        "INSERT INTO peer (peer, name, claimed, tier, blocked, first_seen, last_seen)
         VALUES (?1, 'ann', 'Ann', 2, 0, ?2, ?2)",
        params![peer, NOW],
    )
    .expect("a peer");
    c.execute(
        "INSERT INTO approval (id, file, digest, reviewed, texts, how, at) VALUES (3, 'skills/echo.wasm', ?1, ?2, '', 'owner', ?3)",
        params![digest.as_bytes(), REVIEWED.replace("DIGEST", &digest.to_string()), NOW],
    )
    .expect("an approval");
    c.execute(
        "INSERT INTO skill_file (file, current) VALUES ('skills/echo.wasm', 3)",
        [],
    )
    .expect("in force");
}

/// Shows that everything of `fill` is there.
async fn holds_all(store: &Store, version: usize) {
    let row = store.task(task(1)).await.expect("a read").expect("a task");
    assert_eq!(
        (row.state, row.outcome.as_deref()),
        (TaskState::Done, Some("OK"))
    );
    assert_eq!(row.digest, Some(Digest::of(b"component")));
    assert_eq!((row.peer, row.tier), (peer(), None), "version {version}");
    let usage = row.usage.expect("it ran");
    assert_eq!((usage.memory_peak.0, usage.host_calls), (7, 7));
    assert_eq!(
        (usage.tokens_in, usage.measured),
        (0, None),
        "not known then"
    );
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Answered(ANSWER.to_vec())
    );
    let queued = store.queued().await.expect("rows");
    assert_eq!((queued.len(), queued[0].task), (1, task(2)));
    let body = store
        .body(task(2))
        .await
        .expect("a read")
        .and_then(|row| row.body);
    assert_eq!(body.as_deref(), Some(REQUEST));
    let out = store
        .outgoing(peer(), Timestamp(NOW), 9)
        .await
        .expect("rows");
    assert_eq!((out.len(), out[0].id, &out[0].bytes[..]), (1, 4, ANSWER));
    assert_eq!(out[0].delivery, super::super::Delivery::AtLeastOnce);
    let peers = store.peers().await.expect("rows");
    assert_eq!(
        (peers[0].name.as_deref(), peers[0].tier),
        (Some("ann"), Tier::Internal)
    );
    let records = store.approvals().await.expect("rows");
    let (file, row) = &records.files[0];
    let current = row.current.as_ref().expect("in force");
    assert_eq!((file.as_str(), current.id), ("skills/echo.wasm", 3));
    assert_eq!(current.reviewed.digest, Digest::of(b"component"));
    // And it takes new ones.
    let tier = Tier::Known;
    let started = store.start(task(2), None, tier).await.expect("a start");
    let row = store.task(task(2)).await.expect("a read").expect("a task");
    assert_eq!((started, row.tier), (1, Some(tier)));
}

#[tokio::test]
async fn a_database_of_every_version_opens_with_all_that_is_in_it() {
    for version in 1..=steps().len() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.db");
        let old = of_version(&path, version);
        fill(&old);
        drop(old);
        let store = Store::open(&path, StoreOptions::default()).expect("it migrates");
        holds_all(&store, version).await;
        store.close().await.expect("an orderly end");
        // Nothing is left to do the next time.
        let store = Store::open(&path, StoreOptions::default()).expect("it opens");
        store.close().await.expect("an orderly end");
    }
}

#[tokio::test]
async fn a_verdict_that_may_have_been_the_machines_is_found_again_after_an_update() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("host.db");
    let old = of_version(&path, 10);
    let put =
        "INSERT INTO examined (digest, host, found, failure, at) VALUES (?1, '0.1.0', ?2, ?3, 0)";
    let failure = "compiling it ended with signal 2; it is not tried again until the file changes";
    let (good, bad) = (Digest::of(b"good"), Digest::of(b"bad"));
    old.execute(put, params![good.as_bytes(), "{}", None::<String>])
        .expect("a verdict");
    old.execute(put, params![bad.as_bytes(), None::<String>, failure])
        .expect("a verdict");
    drop(old);
    let store = Store::open(&path, StoreOptions::default()).expect("it migrates");
    let rows = store.approvals().await.expect("rows").examined;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].digest, rows[0].broke), (good, 0));
}

/// Returns everything that a database is made of.
fn schema(c: &Connection) -> Vec<(String, Option<String>)> {
    let mut statement = c
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .expect("a list");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("a list")
        .collect::<Result<_, _>>()
        .expect("rows")
}

#[tokio::test]
async fn steps_taken_one_by_one_lead_where_all_at_once_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("host.db");
    let all = steps();
    fill(&of_version(&path, 1));
    for version in 2..=all.len() {
        let connection = of_version(&path, version);
        let found: u32 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a number");
        assert_eq!(usize::try_from(found), Ok(version));
    }
    let slow = Connection::open(&path).expect("a file of ours");
    let fast = Connection::open_in_memory().expect("memory");
    migrate(&fast, None).expect("a new schema");
    assert_eq!(schema(&slow), schema(&fast));
    drop(slow);
    let store = Store::open(&path, StoreOptions::default()).expect("it opens");
    holds_all(&store, all.len()).await;
    store.close().await.expect("an orderly end");
}

#[test]
fn a_released_step_is_never_changed() {
    let found = steps().map(|step| blake3::hash(step.as_bytes()).to_hex().to_string());
    assert_eq!(found, RELEASED.map(str::to_owned));
}
