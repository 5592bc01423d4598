//! Deaths of the host: what was acknowledged is there, and who was running is remembered.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// Set for the child that is to be killed: the database it writes to.
const CHILD: &str = "COWORKER_TEST_STORE";
const WORKERS: u64 = 16;
const ROUNDS: usize = 8;

/// Kills a process in the middle of its writes, time and again, and finds everything that it had been told is done.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_until_killed(Path::new(&path));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host.db");
    let (mut accepted, mut finished) = (0, 0);
    for round in 0..ROUNDS {
        for line in told_before_death(&path, 40 + 97 * round) {
            let (what, n) = line.split_once(' ').expect("two words");
            let n: u64 = n.parse().expect("a number");
            let found = blocking(
                &path,
                move |store| async move { store.recorded(task(n)).await },
            );
            match what {
                "accepted" => {
                    assert_ne!(
                        found,
                        Recorded::Gone,
                        "request {n} was acknowledged and is lost"
                    );
                    accepted += 1;
                }
                _ => {
                    assert_eq!(
                        found,
                        Recorded::Answered(format!("answer {n}").into_bytes()),
                        "request {n}"
                    );
                    finished += 1;
                }
            }
        }
    }
    assert!(
        accepted > 100 && finished > 50,
        "{accepted} accepted, {finished} finished: too few to mean anything"
    );
    let whole: String = blocking(&path, |store| async move {
        store
            .read(|c| Ok(c.query_row("PRAGMA integrity_check", [], |row| row.get(0))?))
            .await
    });
    assert_eq!(whole, "ok");
}

/// Runs this very test as a child, reads `lines` lines of what it was told, and kills it. Returns all that it said.
fn told_before_death(path: &Path, lines: usize) -> Vec<String> {
    let name = concat!(
        module_path!(),
        "::nothing_acknowledged_is_lost_when_the_process_is_killed"
    );
    let name = name.split_once("::").expect("a crate and a path").1;
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let is_ours = |line: &String| line.starts_with("accepted ") || line.starts_with("finished ");
    let mut told: Vec<String> = said
        .by_ref()
        .map_while(Result::ok)
        .filter(is_ours)
        .take(lines)
        .collect();
    child.kill().expect("a living child");
    child.wait().expect("a dead child");
    // What was in the pipe had been acknowledged as well. The last line may be torn.
    let mut rest: Vec<String> = said.map_while(Result::ok).filter(is_ours).collect();
    rest.pop();
    told.append(&mut rest);
    assert!(told.len() >= lines, "the child ended by itself");
    told
}

fn write_until_killed(path: &Path) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(path, StoreOptions::default()).expect("a store");
        let start = u64::from(std::process::id()) << 32;
        let workers = (0..WORKERS).map(|worker| {
            let store = store.clone();
            async move {
                for n in (start + worker..).step_by(WORKERS as usize) {
                    store.accept(arrival(n)).await.expect("a request");
                    say(&format!("accepted {n}"));
                    store
                        .start(task(n), None, Tier::Known)
                        .await
                        .expect("a start");
                    store.finish(finish(n)).await.expect("an end");
                    say(&format!("finished {n}"));
                }
            }
        });
        futures::future::join_all(workers).await;
    });
    unreachable!("the workers never stop")
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("a reader");
}

/// Opens the store, asks it something, and closes it.
fn blocking<T, F: Future<Output = Result<T, StoreError>>>(
    path: &Path,
    ask: impl FnOnce(Store) -> F,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(path, StoreOptions::default()).expect("a store that opens clean");
        let answer = ask(store.clone()).await.expect("an answer");
        store.close().await.expect("a clean end");
        answer
    })
}

#[test]
fn components_that_run_when_the_host_dies_are_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host.db");
    let digest = Digest::of(b"killer");
    let open = || Store::open(&path, StoreOptions::default()).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    // A store whose last handle is dropped ends without a word, as if the process had died.
    let die = |store: Store| {
        let thread = store
            .shared
            .thread
            .lock()
            .expect("a lock")
            .take()
            .expect("a thread");
        drop(store);
        thread.join().expect("an end");
    };
    runtime.block_on(async {
        let store = open();
        store.accept(arrival(1)).await.expect("a request");
        store.accept(arrival(2)).await.expect("a request");
        for n in [1, 2] {
            store
                .start(task(n), Some(digest), Tier::Known)
                .await
                .expect("a start");
        }
        assert_eq!(store.deaths(digest).await.expect("a number"), 0);
        die(store);
        // Two calls of it, one death; and looking again does not make it two.
        for _ in 0..3 {
            let store = open();
            assert_eq!(store.deaths(digest).await.expect("a number"), 1);
            assert_eq!(store.running().await.expect("rows").len(), 2);
            die(store);
        }
        let store = open();
        assert_eq!(
            store
                .start(task(1), Some(digest), Tier::Known)
                .await
                .expect("a start"),
            2
        );
        die(store);
        let store = open();
        assert_eq!(store.quarantined(2).await.expect("rows"), [(digest, 2)]);
        assert!(store.quarantined(3).await.expect("rows").is_empty());
        // An orderly end is nobody's death, even if something still ran.
        assert_eq!(
            store
                .start(task(1), Some(digest), Tier::Known)
                .await
                .expect("a start"),
            3
        );
        store.close().await.expect("a clean end");
        let store = open();
        assert_eq!(store.deaths(digest).await.expect("a number"), 2);
        store.pardon(digest).await.expect("a pardon");
        assert_eq!(store.deaths(digest).await.expect("a number"), 0);
    });
}

#[tokio::test]
async fn a_request_that_begins_with_its_arrival_was_running_at_a_death() {
    let digest = Digest::of(b"begun");
    let store = Store::in_memory().expect("a store");
    let begun = Arrival {
        begun: Some((digest, Tier::Internal)),
        ..arrival(1)
    };
    assert_eq!(
        store.accept(begun.clone()).await.expect("a request"),
        Accepted::Fresh
    );
    let again = Accepted::SameMessage { of: task(1) };
    assert_eq!(store.accept(begun).await.expect("a request"), again);
    store.accept(arrival(2)).await.expect("a request");
    let running = store.running().await.expect("rows");
    assert_eq!(running.len(), 1);
    let row = &running[0];
    assert_eq!(
        (row.task, row.attempt, row.digest),
        (task(1), 1, Some(digest))
    );
    assert_eq!(row.tier, Some(Tier::Internal));
    let waiting = store.queued().await.expect("rows");
    assert_eq!(
        waiting.iter().map(|row| row.task).collect::<Vec<_>>(),
        [task(2)]
    );
    // Once more after a death is the second time.
    let attempt = store.start(task(1), Some(digest), Tier::Internal);
    assert_eq!(attempt.await.expect("a start"), 2);
}
