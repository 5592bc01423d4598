//! With tables of mounts as other machines have them, and with real mounts where this one allows them.

use std::process::Command;

use super::*;

const TABLE: &str = "\
22 27 0:21 / /proc rw - proc proc rw
23 27 0:22 / /sys rw - sysfs sysfs rw
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
24 27 0:6 / /dev rw,relatime shared:2 master:1 - tmpfs tmpfs rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
27 1 254:0 / / rw - ext4 /dev/vda rw
40 27 8:1 / /home rw - ext4 /dev/sda1 rw
41 27 8:1 /u/host /mnt/home rw - ext4 /dev/sda1 rw
42 27 8:1 /u/host/cache /mnt/cache rw - ext4 /dev/sda1 rw
43 27 8:1 /u /mnt/user rw - ext4 /dev/sda1 rw
44 27 8:1 /other /mnt/other rw - ext4 /dev/sda1 rw
45 27 8:1 /u/host /srv/a\\040b/deep rw - ext4 /dev/sda1 rw
46 27 0:21 / /srv/box/p rw - proc proc rw
47 27 0:6 / /srv/nodes rw - tmpfs tmpfs rw
48 27 0:50 / /srv/memory rw - tmpfs tmpfs rw
49 27 0:51 / /srv/lx rw - fuse.lxcfs lxcfs rw
50 27 254:0 /srv/plain /srv/again rw - ext4 /dev/vda rw
51 27 254:0 /keys /srv/k rw - ext4 /dev/vda rw
";

fn table() -> MountTable {
    MountTable::parse(TABLE.as_bytes()).expect("a table")
}

/// Judges by the table alone: none of these folders is on this machine.
fn judged(folder: &str) -> Result<(), String> {
    let table = table();
    let ours = ["/home/u/host", "/keys/openai"].map(PathBuf::from);
    let folder = Path::new(folder);
    if let Some(mount) = table.pseudo(folder) {
        return Err(mount.kind.clone());
    }
    let spot = |path: &Path| Spot::of(path, &table).expect("it is not there");
    match ours.iter().find(|path| spot(folder).reaches(&spot(path))) {
        Some(path) => Err(path.display().to_string()),
        None => Ok(()),
    }
}

#[test]
fn a_folder_is_known_by_its_place_on_its_device() {
    for (folder, reached) in [
        ("/home/u/host/skills", "/home/u/host"),
        ("/home/u", "/home/u/host"),
        ("/mnt/home", "/home/u/host"),
        ("/mnt/home/approved", "/home/u/host"),
        ("/mnt/cache", "/home/u/host"),
        ("/mnt/cache/x", "/home/u/host"),
        ("/mnt/user", "/home/u/host"),
        ("/mnt/user/host/logs", "/home/u/host"),
        ("/mnt", "/home/u/host"),
        ("/srv/a b", "/home/u/host"),
        ("/srv/a b/deep", "/home/u/host"),
        ("/srv/k", "/keys/openai"),
        ("/keys", "/keys/openai"),
        ("/proc/1", "proc"),
        ("/sys/fs/cgroup/x", "sysfs"),
        ("/dev/shm", "tmpfs"),
        ("/srv/box", "proc"),
        ("/srv/nodes", "tmpfs"),
        ("/srv/lx/proc", "fuse.lxcfs"),
        ("/", "proc"),
    ] {
        assert_eq!(judged(folder), Err(reached.to_owned()), "{folder}");
    }
    for folder in [
        "/mnt/user/others",
        "/mnt/other",
        "/home/other",
        "/srv/plain",
        "/srv/again",
        "/srv/memory",
        "/srv/memory/x",
        "/u/host",
    ] {
        assert_eq!(judged(folder), Ok(()), "{folder}");
    }
}

#[test]
fn a_table_that_is_not_understood_is_none() {
    assert_eq!(MountTable::parse(b""), None);
    assert_eq!(MountTable::parse(b"\n\n"), None);
    assert_eq!(MountTable::parse(b"1 2 0:1 / /proc rw proc\n"), None);
    assert_eq!(MountTable::parse(b"nonsense"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_makes_up_is_refused_by_its_kind() {
    for folder in ["/proc", "/proc/self", "/proc/self/task", "/sys", "/dev"] {
        let real = std::fs::canonicalize(folder).expect("it is there");
        let found = check(&real, &[]);
        assert!(
            matches!(found, Err(Reached::Pseudo(..))),
            "{folder}: {found:?}"
        );
    }
    // By the type alone, whatever it is called.
    assert_eq!(
        kind_of(Path::new("/proc/self")),
        Ok(Some("proc".to_owned()))
    );
    assert_eq!(kind_of(Path::new("/sys")), Ok(Some("sysfs".to_owned())));
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(check(dir.path(), &[]), Ok(()));
    assert_eq!(kind_of(dir.path()), Ok(None));
}

/// The variable by which a test starts itself among mounts of its own.
#[cfg(target_os = "linux")]
const AMONG_MOUNTS: &str = "COWORKER_TEST_AMONG_MOUNTS";

/// Returns whether this process may mount what it likes. If not, runs the test of this name in one that may, where the
/// system lets a user have mounts of his own.
#[cfg(target_os = "linux")]
pub(crate) fn is_among_mounts(name: &str) -> bool {
    if std::env::var_os(AMONG_MOUNTS).is_some() {
        return true;
    }
    let can = |flags: &str| {
        let tried = Command::new("unshare").args([flags, "true"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let Some(flags) = ["-m", "-Urm"].into_iter().find(|flags| can(flags)) else {
        eprintln!("{name}: no mounts of one's own here; the tests of tables judge the same layout");
        return false;
    };
    let this = std::env::current_exe().expect("this test");
    let mut unshare = Command::new("unshare");
    unshare.arg(flags).arg(&this).args(["--exact", name]);
    unshare.args(["--nocapture", "--test-threads=1"]);
    let ended = unshare.env(AMONG_MOUNTS, "1").output().expect("unshare");
    let said = String::from_utf8_lossy(&ended.stderr);
    let done = String::from_utf8_lossy(&ended.stdout);
    let is_done = ended.status.success() && done.contains("1 passed");
    assert!(is_done, "{done}{said}");
    false
}

/// Mounts something, for the rest of this process.
#[cfg(target_os = "linux")]
pub(crate) fn mount(kind: &str, what: &Path, at: &Path) {
    let mut mount = Command::new("mount");
    let done = mount.arg(kind).args([what, at]).status();
    assert!(done.expect("mount").success(), "{what:?} at {at:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_bind_mount_of_the_home_is_the_home() {
    if is_among_mounts("skills::protected::tests::a_bind_mount_of_the_home_is_the_home") {
        among_mounts();
    }
}

#[test]
fn a_second_link_to_a_key_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let (home, data) = (dir.path().join("home"), dir.path().join("data"));
    std::fs::create_dir_all(data.join("deep")).expect("made");
    std::fs::create_dir(&home).expect("made");
    std::fs::write(home.join("identity.key"), "key").expect("written");
    let ours = [home.clone()];
    assert_eq!(check_links(&data, &ours), Ok(()));
    std::fs::hard_link(home.join("identity.key"), data.join("deep/k")).expect("linked");
    let found = check_links(&data, &ours);
    assert_eq!(found, Err(Reached::Ours(home.join("identity.key"))));
    let file = [home.join("identity.key")];
    assert!(check_links(&data, &file).is_err());
}

#[cfg(target_os = "linux")]
fn among_mounts() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = std::fs::canonicalize(dir.path()).expect("it is there");
    for folder in [
        "user/home/cache",
        "user/home/skills",
        "keys",
        "a/deep",
        "b",
        "c",
        "d",
        "e/proc",
        "f",
        "free",
    ] {
        std::fs::create_dir_all(root.join(folder)).expect("made");
    }
    std::fs::write(root.join("keys/openai"), "key").expect("written");
    std::fs::write(root.join("f/key"), "").expect("written");
    let mount = |[kind, what, at]: [&str; 3]| mount(kind, &root.join(what), &root.join(at));
    mount(["--bind", "user/home", "a/deep"]);
    mount(["--bind", "user", "b"]);
    mount(["--bind", "user/home/cache", "c"]);
    mount(["--bind", "free", "d"]);
    mount(["--rbind", "/proc", "e/proc"]);
    mount(["--bind", "keys/openai", "f/key"]);
    let ours = [root.join("user/home"), root.join("keys/openai")];
    for folder in [
        "a",
        "a/deep",
        "a/deep/skills",
        "b",
        "b/home",
        "b/home/cache",
        "c",
        "f",
        "keys",
        ".",
    ] {
        let real = std::fs::canonicalize(root.join(folder)).expect("it is there");
        let found = check(&real, &ours);
        assert!(
            matches!(found, Err(Reached::Ours(_) | Reached::Pseudo(..))),
            "{folder}: {found:?}"
        );
        assert!(
            overlap(&real, &ours[0]) || overlap(&real, &ours[1]),
            "{folder}"
        );
    }
    for folder in ["e", "e/proc", "e/proc/self"] {
        let real = std::fs::canonicalize(root.join(folder)).expect("it is there");
        let found = check(&real, &ours);
        assert!(
            matches!(found, Err(Reached::Pseudo(..))),
            "{folder}: {found:?}"
        );
    }
    for folder in ["d", "free"] {
        assert_eq!(check(&root.join(folder), &ours), Ok(()), "{folder}");
    }
    // A mount that comes later is seen at the next look.
    mount(["--bind", "user/home/skills", "free"]);
    assert!(check(&root.join("free"), &ours).is_err());
}
