//! Tests of the home: what is refused, and what survives.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own file");
}

#[track_caller]
fn refused(root: &Path, why: &str) {
    let error = Home::open(root).expect_err("an unsafe home");
    assert!(
        error.to_string().contains(why),
        "{error} should say {why:?}"
    );
    assert!(error.hint().is_some());
}

#[test]
fn the_flag_wins_over_the_environment() {
    let flag = Some(PathBuf::from("/a"));
    assert_eq!(
        Home::locate(flag, Some("/b".into())).expect("a path"),
        Path::new("/a")
    );
    assert_eq!(
        Home::locate(None, Some("/b".into())).expect("a path"),
        Path::new("/b")
    );
    let usual = Home::locate(None, Some(String::new())).expect("a path");
    assert!(usual.ends_with(".coworker-host"), "{usual:?}");
    assert!(
        Home::locate(Some("x".into()), None)
            .expect("a path")
            .is_absolute()
    );
}

#[test]
fn a_new_home_is_ours_alone_and_is_never_made_twice() {
    let dir = scratch();
    let root = dir.path().join("deep/home");
    let home = Home::create(&root).expect("a new home");
    for folder in [
        home.root().to_owned(),
        home.skills(),
        home.approved(),
        home.cache(),
        home.logs(),
    ] {
        assert_eq!(
            folder.metadata().expect("a folder").mode() & 0o777,
            0o700,
            "{folder:?}"
        );
    }
    assert_eq!(
        home.identity_key().metadata().expect("a key").mode() & 0o777,
        0o600
    );
    let before = home.identity().expect("a key").public();
    let again = Home::create(&root).expect("the same home");
    assert_eq!(again.identity().expect("a key").public(), before);
    assert_eq!(
        Home::open(&root).expect("the same home").root(),
        home.root()
    );
}

#[test]
fn a_home_that_others_can_change_is_refused() {
    let dir = scratch();
    let root = dir.path().join("home");
    Home::create(&root).expect("a new home");
    for open in [0o777, 0o720, 0o702] {
        mode(&root, open);
        refused(&root, "other users can write");
    }
    mode(&root, 0o755);
    Home::open(&root).expect("readable is mended");
    assert_eq!(root.metadata().expect("a folder").mode() & 0o777, 0o700);
    mode(dir.path(), 0o777);
    refused(&root, "other users can write");
    // Sticky, as /tmp: others cannot move what is ours.
    mode(dir.path(), 0o1777);
    Home::open(&root).expect("a home in a sticky folder");
    mode(dir.path(), 0o700);
}

#[test]
fn a_link_leads_to_a_home_if_both_ways_are_safe() {
    let dir = scratch();
    let (real, open) = (dir.path().join("real"), dir.path().join("open"));
    Home::create(&real).expect("a new home");
    let link = dir.path().join("link");
    symlink(&real, &link).expect("a link");
    assert_eq!(
        Home::open(&link).expect("a home").root(),
        Home::open(&real).expect("a home").root()
    );
    std::fs::create_dir(&open).expect("a folder");
    let inside = open.join("link");
    symlink(&real, &inside).expect("a link");
    mode(&open, 0o777);
    refused(&inside, "other users can write");
}

#[test]
fn what_is_no_home_is_said_so() {
    let dir = scratch();
    let missing = dir.path().join("none");
    assert!(matches!(Home::open(&missing), Err(HomeError::Missing(_))));
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    assert!(matches!(Home::open(&file), Err(HomeError::NotAFolder(_))));
}

#[test]
fn one_process_at_a_time() {
    let dir = scratch();
    let home = Home::create(&dir.path().join("home")).expect("a new home");
    let lock = home.lock().expect("a free home");
    let error = home.lock().expect_err("a home in use");
    assert!(matches!(error, HomeError::Locked { process: Some(n), .. } if n == std::process::id()));
    drop(lock);
    home.lock().expect("a free home again");
}

#[test]
fn files_are_written_whole_and_private() {
    let dir = scratch();
    let home = Home::create(&dir.path().join("home")).expect("a new home");
    let path = home.root().join("note");
    home.write_private(&path, b"one").expect("a write");
    home.write_private(&path, b"two").expect("a write");
    assert_eq!(std::fs::read(&path).expect("a file"), b"two");
    assert_eq!(path.metadata().expect("a file").mode() & 0o777, 0o600);
    home.write_new(&path, b"three")
        .expect_err("a name that is taken");
    assert_eq!(std::fs::read(&path).expect("a file"), b"two");
    let left: Vec<_> = std::fs::read_dir(home.root())
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_bad_key_is_refused_and_a_good_one_never_printed() {
    let dir = scratch();
    let home = Home::create(&dir.path().join("home")).expect("a new home");
    let identity = home.identity().expect("a key");
    let secret = std::fs::read(home.identity_key()).expect("a key file");
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let printed = format!("{identity:?} {identity:#?}");
    assert!(!printed.contains(&hex) && printed.contains(&identity.fingerprint()));
    assert_eq!(
        identity.peer().to_string(),
        format!("loop:{}", identity.fingerprint())
    );
    mode(&home.identity_key(), 0o644);
    assert!(matches!(home.identity(), Err(HomeError::Unsafe { .. })));
    mode(&home.identity_key(), 0o600);
    home.write_private(&home.identity_key(), b"short")
        .expect("a write");
    assert!(matches!(home.identity(), Err(HomeError::Key { .. })));
}

#[test]
fn signatures_verify_and_purposes_differ() {
    use ed25519_dalek::{Signature, VerifyingKey};
    let identity = Identity::from_secret(&[7; 32]);
    let key = VerifyingKey::from_bytes(&identity.public()).expect("a key");
    let signature = Signature::from_bytes(&identity.sign(b"hello"));
    key.verify_strict(b"hello", &signature)
        .expect("our signature");
    key.verify_strict(b"hullo", &signature)
        .expect_err("another message");
    assert_ne!(identity.derive("a"), identity.derive("b"));
    assert_eq!(
        identity.derive("a"),
        Identity::from_secret(&[7; 32]).derive("a")
    );
}

#[test]
fn a_key_that_a_home_in_use_lost_is_named_and_not_made_anew() {
    let dir = scratch();
    let root = dir.path().join("home");
    let home = Home::create(&root).expect("a home");
    let lost = |file: &str| {
        let refused = match file {
            "identity.key" => Home::create(&root).err(),
            _ => home.wallet().err(),
        };
        let refused = refused.expect("it is lost").to_string();
        assert!(refused.contains(&format!("{file} is lost")), "{refused}");
        assert!(!root.join(file).exists());
    };
    // Without a trace of use, making the home broke off: it goes on.
    std::fs::remove_file(home.identity_key()).expect("ours");
    Home::create(&root).expect("a home");
    home.make_folder(&home.xmtp().join("local")).expect("ours");
    home.wallet().expect("no network knows it yet");
    for used in [home.wallet_key(), home.store(), root.join("seal.json")] {
        std::fs::remove_file(home.identity_key()).expect("ours");
        let _ = std::fs::remove_file(home.wallet_key());
        std::fs::write(&used, "x").expect("ours");
        lost("identity.key");
        std::fs::remove_file(&used).expect("ours");
        Home::create(&root).expect("a home");
    }
    for used in ["inbox", "installation", "client.db3"] {
        let used = home.xmtp().join("local").join(used);
        std::fs::write(&used, "x").expect("ours");
        lost("wallet.key");
        std::fs::remove_file(home.identity_key()).expect("ours");
        lost("identity.key");
        std::fs::remove_file(&used).expect("ours");
        Home::create(&root).expect("a home");
    }
}
