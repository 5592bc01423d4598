//! Trouble: no room, a locked or damaged file, a newer or foreign one, and work that breaks off.

use std::path::PathBuf;

use super::*;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host.db");
    (dir, path)
}

fn impatient() -> StoreOptions {
    StoreOptions {
        patience: Duration::ZERO,
        ..StoreOptions::default()
    }
}

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, impatient())
}

#[tokio::test]
async fn a_full_store_refuses_and_keeps_what_it_acknowledged() {
    let (_dir, path) = scratch();
    let small = StoreOptions {
        max_size: Some(Bytes::kib(512)),
        ..impatient()
    };
    let store = Store::open(&path, small).expect("a store");
    let mut kept = Vec::new();
    let mut refused = 0;
    for n in 0..200 {
        let large = Arrival {
            body: vec![b'x'; 8 << 10],
            ..arrival(n)
        };
        match store.accept(large).await {
            Ok(accepted) => {
                assert_eq!(accepted, Accepted::Fresh);
                kept.push(n);
            }
            Err(StoreError::Full(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(
        kept.len() > 10 && refused > 10,
        "{} kept, {refused} refused",
        kept.len()
    );
    store.close().await.expect("a clean end");
    // With room again everything goes on, and what was refused is new.
    let store = open(&path).expect("a store");
    assert_eq!(store.queued().await.expect("rows").len(), kept.len());
    for n in 0..200 {
        let expected = if kept.contains(&n) {
            Accepted::SameMessage { of: task(n) }
        } else {
            Accepted::Fresh
        };
        assert_eq!(store.accept(arrival(n)).await.expect("a request"), expected);
    }
}

#[tokio::test]
async fn room_that_runs_out_in_a_batch_takes_no_acknowledged_write_along() {
    let (_dir, path) = scratch();
    let small = StoreOptions {
        max_size: Some(Bytes::kib(512)),
        ..impatient()
    };
    let store = Store::open(&path, small).expect("a store");
    let batch = (0..200).map(|n| Arrival {
        body: vec![b'x'; 8 << 10],
        ..arrival(n)
    });
    let mut given = Vec::new();
    for arrival in batch {
        given.push(store.begin_accept(arrival).await.expect("an open store"));
    }
    let mut told = Vec::new();
    for stored in given {
        told.push(stored.kept().await);
    }
    let kept: Vec<u64> = (0..)
        .zip(&told)
        .filter(|(_, told)| told.is_ok())
        .map(|(n, _)| n)
        .collect();
    assert!(
        told.iter()
            .any(|told| matches!(told, Err(StoreError::Full(_))))
    );
    assert!(
        told.iter()
            .all(|told| matches!(told, Ok(Accepted::Fresh) | Err(StoreError::Full(_))))
    );
    store.close().await.expect("a clean end");
    let store = open(&path).expect("a store");
    let found: Vec<_> = store
        .queued()
        .await
        .expect("rows")
        .iter()
        .map(|row| row.task)
        .collect();
    assert_eq!(found, kept.iter().map(|n| task(*n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failing_write_is_undone_alone() {
    let store = store();
    let good = |n: u64| store.accept(arrival(n));
    let bad = store.write(|c| -> Result<(), StoreError> {
        c.execute("DELETE FROM task", [])?;
        Err(StoreError::NotOpen)
    });
    let broken = store.write(|c| -> Result<(), StoreError> {
        c.execute("DELETE FROM task", [])?;
        panic!("a fault in a piece of work");
    });
    let (first, bad, broken, second) = tokio::join!(good(1), bad, broken, good(2));
    assert_eq!(
        (first.expect("a request"), second.expect("a request")),
        (Accepted::Fresh, Accepted::Fresh)
    );
    assert!(matches!(bad, Err(StoreError::NotOpen)));
    assert!(matches!(broken, Err(StoreError::BrokeOff)));
    assert_eq!(store.queued().await.expect("rows").len(), 2);
}

#[tokio::test]
async fn a_second_process_is_turned_away_at_the_door() {
    let (_dir, path) = scratch();
    let store = open(&path).expect("a store");
    assert!(matches!(open(&path), Err(StoreError::Busy(_))));
    store
        .accept(arrival(1))
        .await
        .expect("the first is not disturbed");
    store.close().await.expect("a clean end");
    open(&path).expect("the door is open again");
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_damaged() {
    let (_dir, path) = scratch();
    std::fs::write(&path, vec![b'?'; 8_192]).expect("a file");
    let error = open(&path).expect_err("no database");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert!(error.hint().is_some());
    let left = std::fs::read(&path).expect("a file");
    assert_eq!(
        left,
        vec![b'?'; 8_192],
        "what is not ours is not written to"
    );
}

/// Returns a database that holds something, closed.
async fn written(path: &Path) -> Vec<u8> {
    let store = open(path).expect("a store");
    for n in 0..50 {
        store.accept(arrival(n)).await.expect("a request");
    }
    store.close().await.expect("a clean end");
    std::fs::read(path).expect("a file")
}

#[tokio::test]
async fn whatever_page_is_damaged_the_start_says_so() {
    const PAGE: usize = 4_096;
    let (_dir, path) = scratch();
    let whole = written(&path).await;
    let patient = || StoreOptions {
        check: Duration::from_secs(60),
        ..impatient()
    };
    for page in 0..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..][..PAGE].fill(0x5a);
        std::fs::write(&path, &bytes).expect("ours");
        let error = Store::open(&path, patient()).expect_err("damage");
        assert_eq!(error.trouble(), Some("damaged"), "page {page}: {error:?}");
        assert!(error.hint().is_some());
    }
    for length in [100, PAGE, whole.len() - PAGE, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).expect("ours");
        let error = Store::open(&path, patient()).expect_err("a part");
        assert_eq!(
            error.trouble(),
            Some("damaged"),
            "{length} bytes: {error:?}"
        );
    }
    std::fs::write(&path, &whole).expect("ours");
    let store = Store::open(&path, patient()).expect("whole again");
    assert_eq!(store.queued().await.expect("rows").len(), 50);
}

#[tokio::test]
async fn an_empty_file_is_not_taken_for_a_new_database() {
    let (_dir, path) = scratch();
    let whole = written(&path).await;
    std::fs::write(&path, "").expect("ours");
    let error = open(&path).expect_err("nothing");
    assert!(matches!(error, StoreError::Lost { .. }), "{error:?}");
    assert_eq!(std::fs::metadata(&path).expect("a file").len(), 0);
    std::fs::remove_file(&path).expect("ours");
    let log = path.with_extension("db-wal");
    std::fs::write(&log, &whole).expect("ours");
    let error = open(&path).expect_err("a log alone");
    assert!(matches!(error, StoreError::Lost { .. }), "{error:?}");
    assert_eq!(
        std::fs::read(&log).expect("a file"),
        whole,
        "it is left alone"
    );
    std::fs::remove_file(log).expect("ours");
    assert!(open(&path).expect("a new one").is_anew());
}

#[tokio::test]
async fn a_database_that_is_made_is_ours_alone_and_never_seen_half_made() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = scratch();
    std::fs::write(
        path.with_extension("db.new"),
        "left by a start that was cut off",
    )
    .expect("ours");
    let store = open(&path).expect("a store");
    assert!(!store.is_anew(), "there was none before");
    for file in [path.clone(), path.with_extension("db-wal")] {
        let mode = std::fs::metadata(file)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(!path.with_extension("db.new").exists());
}

#[tokio::test]
async fn a_full_store_is_in_trouble_until_there_is_room() {
    let (_dir, path) = scratch();
    let small = StoreOptions {
        max_size: Some(Bytes::kib(768)),
        ..impatient()
    };
    let store = Store::open(&path, small).expect("a store");
    assert!(store.trouble().is_none());
    let mut n = 0;
    loop {
        let large = Arrival {
            body: vec![b'x'; 8 << 10],
            ..arrival(n)
        };
        n += 1;
        if store.accept(large).await.is_err() {
            break;
        }
    }
    let trouble = store.trouble().expect("it is full");
    assert_eq!(trouble.error.trouble(), Some("full"));
    assert!(store.try_room().await.is_err());
    let emptied = store.write(|c| Ok(c.execute("DELETE FROM request", [])?));
    emptied.await.expect("what only frees room is done");
    let mut health = store.watch_trouble();
    while health.borrow_and_update().is_some() {
        store.try_room().await.expect("there is room");
    }
    let tables = store.read(|c| {
        let count = "SELECT count(*) FROM sqlite_schema WHERE name = 'room'";
        Ok(c.query_row(count, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(
        tables.await.expect("a count"),
        0,
        "it leaves nothing behind"
    );
}

#[tokio::test]
async fn nothing_is_written_to_a_database_that_is_known_to_be_damaged() {
    let failures: [fn() -> rusqlite::ffi::Error; 2] = [
        || rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        || rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
    ];
    for failure in failures {
        let store = store();
        let accepted = store.accept(arrival(1)).await.expect("a request");
        assert_eq!(accepted, Accepted::Fresh);
        let met = store.read(move |_| -> Result<(), StoreError> {
            Err(rusqlite::Error::SqliteFailure(failure(), None).into())
        });
        met.await.expect_err("damage");
        let refused = store.accept(arrival(2)).await.expect_err("damage");
        assert!(refused.trouble().is_some(), "{refused:?}");
        assert_eq!(store.queued().await.expect("rows").len(), 1, "it is read");
        assert!(store.try_room().await.is_err());
        assert!(store.trouble().is_some(), "only a new start ends it");
    }
}

#[tokio::test]
async fn a_check_finds_a_sound_database_whole() {
    let (_dir, path) = scratch();
    written(&path).await;
    let store = open(&path).expect("a store");
    let checked = store.check().await.expect("nothing is wrong");
    assert!(
        checked.of > 10 && checked.whole == checked.of,
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_file_of_the_future_is_left_alone() {
    let (_dir, path) = scratch();
    open(&path)
        .expect("a store")
        .close()
        .await
        .expect("a clean end");
    let file = rusqlite::Connection::open(&path).expect("a database");
    file.pragma_update(None, "user_version", 99)
        .expect("a version");
    drop(file);
    assert!(matches!(
        open(&path),
        Err(StoreError::Newer { found: 99, .. })
    ));
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let (_dir, path) = scratch();
    let file = rusqlite::Connection::open(&path).expect("a database");
    file.execute_batch("CREATE TABLE bookmark (url TEXT)")
        .expect("a table");
    drop(file);
    assert!(matches!(open(&path), Err(StoreError::Foreign(_))));
    let file = rusqlite::Connection::open(&path).expect("a database");
    let tables: i64 = file
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said_so() {
    let error = open(Path::new("/nonexistent/host.db")).expect_err("no folder");
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let store = store();
    let other = store.clone();
    store.close().await.expect("a clean end");
    assert!(matches!(other.queued().await, Err(StoreError::Closed)));
    assert!(matches!(other.close().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn closing_finishes_what_was_given_before() {
    let (_dir, path) = scratch();
    let store = open(&path).expect("a store");
    let writes = (0..100).map(|n| store.accept(arrival(n)));
    let writes = futures::future::join_all(writes);
    let (told, ended) = tokio::join!(writes, store.clone().close());
    ended.expect("a clean end");
    let kept = told.iter().filter(|told| told.is_ok()).count();
    assert!(
        told.iter()
            .all(|told| matches!(told, Ok(_) | Err(StoreError::Closed)))
    );
    let store = open(&path).expect("a store");
    assert_eq!(store.queued().await.expect("rows").len(), kept);
    assert!(kept > 0);
}

/// Gives the store, in one batch, a request, a write that fails half way, and another request. Returns what became of the
/// requests.
async fn around_a_failure(store: &Store, n: u64) -> [Result<Accepted, StoreError>; 2] {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let window = store.shared.answers;
    let (started, has_started) = tokio::sync::oneshot::channel();
    let held = store.begin(move |_| {
        let _ = started.send(());
        let _ = wait.recv();
        Ok(())
    });
    let held = held.await.expect("the store runs");
    has_started.await.expect("it starts");
    // The thread is busy with the first; these wait for it together.
    let before = store
        .begin(move |c| crate::store::inbox::accept(c, &arrival(n), window))
        .await;
    let fails = store.begin(move |c| {
        c.execute("INSERT INTO probe VALUES (x'00', 'half', 1, 0, 0)", [])?;
        Err::<(), _>(StoreError::BrokeOff)
    });
    let fails = fails.await.expect("the store runs");
    let after = store
        .begin(move |c| crate::store::inbox::accept(c, &arrival(n + 1), window))
        .await;
    go.send(()).expect("it waits");
    held.kept().await.expect("nothing to fail");
    assert!(fails.kept().await.is_err());
    let (before, after) = (before.expect("given"), after.expect("given"));
    [before.kept().await, after.kept().await]
}

#[tokio::test]
async fn a_write_that_fails_half_way_leaves_nothing_and_is_alone_the_next_time() {
    let store = store();
    let [before, after] = around_a_failure(&store, 1).await;
    // It took along what was to be committed with it, which was told so, and nothing else.
    assert!(before.is_err(), "{before:?}");
    assert_eq!(after.expect("a request"), Accepted::Fresh);
    let [before, after] = around_a_failure(&store, 3).await;
    assert_eq!(before.expect("a request"), Accepted::Fresh);
    assert_eq!(after.expect("a request"), Accepted::Fresh);
    let halves = store.read(|c| {
        let count = "SELECT count(*) FROM probe WHERE name = 'half'";
        Ok(c.query_row(count, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(halves.await.expect("a count"), 0);
    let again = store.accept(arrival(1)).await.expect("a request");
    assert_eq!(again, Accepted::Fresh, "it was not taken before");
}

#[tokio::test]
async fn a_message_whose_write_was_undone_did_not_come() {
    let store = store();
    let window = store.shared.answers;
    let first = store.accept(arrival(1)).await.expect("a request");
    assert_eq!(first, Accepted::Fresh);
    let undone = store.write(move |c| {
        crate::store::inbox::accept(c, &arrival(2), window)?;
        Err::<(), _>(StoreError::NotOpen)
    });
    assert!(matches!(undone.await, Err(StoreError::NotOpen)));
    let again = store.accept(arrival(2)).await.expect("a request");
    assert_eq!(again, Accepted::Fresh, "it was not taken before");
    let again = store.accept(arrival(1)).await.expect("a request");
    assert_eq!(again, Accepted::SameMessage { of: task(1) });
}

#[tokio::test]
async fn a_message_is_known_wherever_what_is_known_of_it_lies() {
    let (_dir, path) = scratch();
    let store = open(&path).expect("a store");
    let all = 1_500_u64;
    let came = (1..=all).map(|n| store.accept(arrival(n)));
    for accepted in futures::future::join_all(came).await {
        assert_eq!(accepted.expect("a request"), Accepted::Fresh);
    }
    let known = async |store: &Store| {
        for n in [1, 1_023, 1_024, 1_025, all] {
            let again = store.accept(arrival(n)).await.expect("a request");
            assert_eq!(again, Accepted::SameMessage { of: task(n) }, "{n}");
            let other = Arrival {
                transport_id: format!("another id {n}"),
                ..arrival(n)
            };
            let repeated = store.accept(other).await.expect("a request");
            assert!(
                matches!(repeated, Accepted::Duplicate { of } | Accepted::SameMessage { of } if of == task(n)),
                "{n}: {repeated:?}"
            );
        }
    };
    known(&store).await;
    store.close().await.expect("a clean end");
    known(&open(&path).expect("a store")).await;
}
