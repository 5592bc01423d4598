//! What the parent makes of a child that behaves badly. The child is a script that ignores what it is asked.

use std::os::unix::fs::PermissionsExt;

use super::*;

async fn look(script: &str) -> Result<Examined, ExamineError> {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("child");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let child = Child {
        program,
        cache: dir.path().to_owned(),
    };
    // Another test's fork may hold the script open for writing for a moment.
    loop {
        match child.examine(Path::new("/nonexistent")).await {
            Err(ExamineError::Unable(why)) if why.contains("busy") => {
                tokio::task::yield_now().await;
            }
            looked => return looked,
        }
    }
}

#[tokio::test]
async fn a_child_that_dies_condemns_the_component() {
    for script in [
        "kill -SEGV $$",
        "kill -XCPU $$",
        "echo thread panicked >&2; exit 101",
        "echo nonsense",
    ] {
        let looked = look(script).await;
        assert!(
            matches!(looked, Err(ExamineError::Broke(_))),
            "{script}: {looked:?}"
        );
    }
}

#[tokio::test]
async fn a_child_that_the_machine_ends_does_not_condemn_the_component() {
    for script in [
        "kill -9 $$",
        "echo 'failed to spawn thread: Os { code: 11, kind: WouldBlock }' >&2; exit 101",
        r#"echo '{"unable": {"code": "resources", "what": "no memory"}}'; exit 1"#,
    ] {
        let looked = look(script).await;
        assert!(
            matches!(looked, Err(ExamineError::Ended(_))),
            "{script}: {looked:?}"
        );
    }
    for script in ["kill -TERM $$", "kill -INT $$", "kill -HUP $$"] {
        let looked = look(script).await;
        assert!(
            matches!(looked, Err(ExamineError::Unable(_))),
            "{script}: {looked:?}"
        );
    }
}

#[tokio::test]
async fn a_child_has_a_process_group_of_its_own_and_its_last_words_are_kept() {
    let script = "head -c 9000 /dev/zero >&2; echo >&2; cut -d' ' -f5 /proc/$$/stat >&2; exit 4";
    let group = look(script).await;
    let Err(ExamineError::Unable(group)) = group else {
        panic!("{group:?}");
    };
    let ours = rustix::process::getpgrp().as_raw_nonzero().to_string();
    assert_ne!(group, ours);
}

#[tokio::test]
async fn a_child_that_cannot_work_says_nothing_about_the_component() {
    let looked = look("echo 'error: no such folder' >&2; exit 3").await;
    assert_eq!(
        looked,
        Err(ExamineError::Unable("error: no such folder".to_owned()))
    );
    let child = Child {
        program: "/nonexistent/coworker-host".into(),
        cache: PathBuf::new(),
    };
    let looked = child.examine(Path::new("/nonexistent")).await;
    assert!(matches!(looked, Err(ExamineError::Unable(_))), "{looked:?}");
}

#[tokio::test]
async fn a_verdict_is_read_with_its_causes_and_hint() {
    let said = r#"{"error": {"code": "x", "what": "it is odd", "causes": ["of this"], "hint": "mend it"}}"#;
    let looked = look(&format!("echo '{said}'; exit 1")).await;
    assert_eq!(
        looked,
        Err(ExamineError::Refused(
            "it is odd: of this (mend it)".to_owned()
        ))
    );
}

#[tokio::test]
async fn a_child_gets_no_environment_and_cannot_flood_its_parent() {
    let looked = look("test -z \"$HOME$CARGO\" || exit 3; head -c 40000000 /dev/zero; head -c 9000000 /dev/zero >&2").await;
    assert!(matches!(looked, Err(ExamineError::Broke(_))), "{looked:?}");
}
