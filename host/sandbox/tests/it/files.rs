//! Folders and constants that the owner granted.

use std::path::Path;

use coworker_core::FsGrant;
use serde_json::{Value, json};

use crate::support::{Bench, bench, sandbox};

fn granted(folder: &Path, write: bool) -> Bench {
    let mut bench = bench(sandbox(), "hostile-wasi", "hostile-wasi");
    bench.job.grants.fs.push(FsGrant {
        host: folder.display().to_string(),
        guest: "/data".to_owned(),
        write,
    });
    bench
}

async fn ask(bench: &Bench, mode: &str, text: &str) -> Value {
    bench
        .with(&json!({ "mode": mode, "text": text }))
        .await
        .json()
}

#[tokio::test]
async fn a_granted_folder_is_there_and_nothing_around_it() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let folder = temp.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "inside").unwrap();
    std::fs::write(temp.path().join("secret.txt"), "outside").unwrap();
    std::os::unix::fs::symlink("../secret.txt", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("absolute")).unwrap();

    let bench = granted(&folder, false);
    assert_eq!(
        ask(&bench, "folders", "").await,
        json!({ "folders": ["/data"] })
    );
    assert_eq!(
        ask(&bench, "read", "notes.txt").await,
        json!({ "got": "inside" })
    );
    for escape in [
        "../secret.txt",
        "link",
        "absolute",
        "/etc/passwd",
        "x/../../secret.txt",
    ] {
        let answer = ask(&bench, "read", escape).await;
        assert!(answer["error"].is_string(), "{escape}: {answer}");
    }
}

#[tokio::test]
async fn writing_needs_its_own_word() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let answer = ask(&granted(temp.path(), false), "write", "new.txt").await;
    assert!(answer["error"].is_string(), "{answer}");
    assert!(!temp.path().join("new.txt").exists());

    let answer = ask(&granted(temp.path(), true), "write", "new.txt").await;
    assert_eq!(answer, json!({ "got": 7 }));
    let written = std::fs::read_to_string(temp.path().join("new.txt")).unwrap();
    assert_eq!(written, "written");
}

#[tokio::test]
async fn a_folder_that_is_gone_is_told() {
    let told = granted(Path::new("/nonexistent/folder"), false)
        .mode("folders")
        .await;
    let error = told.error().to_string();
    assert!(error.contains("/nonexistent/folder"), "{error}");
}

#[tokio::test]
async fn constants_are_what_was_granted_and_no_more() {
    let mut bench = bench(sandbox(), "hostile-wasi", "hostile-wasi");
    bench
        .job
        .grants
        .env
        .insert("CITY".to_owned(), "Bern".to_owned());
    let told = bench.mode("env").await;
    assert_eq!(told.json(), json!({ "env": [["CITY", "Bern"]] }));
}

#[tokio::test]
async fn a_granted_folder_that_became_a_link_is_not_followed() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let root = temp.path().canonicalize().expect("it is there");
    std::fs::create_dir(root.join("private")).unwrap();
    std::fs::write(root.join("private/key"), "secret").unwrap();
    std::os::unix::fs::symlink("private", root.join("data")).unwrap();
    std::fs::create_dir(root.join("private/inner")).unwrap();
    for host in ["data", "data/inner"] {
        let bench = granted(&root.join(host), false);
        let told = bench.mode("folders").await;
        let error = told.error().to_string();
        assert!(error.contains("leads elsewhere"), "{host}: {error}");
    }
}
