//! Whose doing it was that a compile child died: the component's, which is kept as a verdict, or the machine's, which
//! says nothing about the component and passes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Resource, Signal, getrlimit};

use super::examine::{ExamineError, MEMORY};

/// The largest file that a child may write: see `examine`.
const FILE: u64 = 1 << 30;
/// What a stack has where nobody lowered it.
const STACK: u64 = 8 << 20;

/// What a process says whose allocation failed.
const NO_MEMORY: [&str; 3] = ["memory allocation of", "out of memory", "OutOfMemory"];
/// What the errors of a machine look like in the words of a panic: ENOMEM, EAGAIN, EMFILE, ENFILE, ENOSPC, EDQUOT, EIO.
const NO_RESOURCES: [&str; 11] = [
    "failed to spawn thread",
    "thread pool has not been initialized",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
    "Too many open files",
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "code: 11,",
    "code: 12,",
    "code: 24,",
];

/// Returns what the death of a child that gave no answer says. `cpu` is the processor time that it was given.
pub(super) fn blame(status: ExitStatus, words: &str, cpu: Duration) -> ExamineError {
    let said = |any: &[&str]| any.iter().any(|part| words.contains(part));
    if let Some(signal) = status.signal() {
        return signalled(signal, words, cpu);
    }
    let last = last_line(words);
    match status.code() {
        Some(101) if said(&NO_RESOURCES) => ExamineError::Ended(format!("failed: {last}")),
        Some(101) => ExamineError::Broke(format!("failed: {last}")),
        Some(0) => ExamineError::Broke("gave no usable answer".to_owned()),
        _ => ExamineError::Unable(last.to_owned()),
    }
}

/// Returns what it says that a child had too little of something, in its own words.
pub(super) fn starved(why: &str) -> ExamineError {
    let memory = ["Cannot allocate memory", "out of memory"];
    if memory.iter().any(|part| why.contains(part)) && memory_is_ours() {
        ExamineError::Broke(format!("takes more than {MEMORY} of memory: {why}"))
    } else {
        ExamineError::Ended(format!("was not possible: {why}"))
    }
}

fn signalled(signal: i32, words: &str, cpu: Duration) -> ExamineError {
    let ended = format!("ended with signal {signal}");
    let is = |one: Signal| one.as_raw() == signal;
    if is(Signal::XCPU) {
        return if is_lower(Resource::Cpu, cpu.as_secs()) {
            ExamineError::Unable("the system gives it too little processor time".to_owned())
        } else {
            ExamineError::Broke(format!("{ended}, after {} s", cpu.as_secs()))
        };
    }
    if is(Signal::XFSZ) {
        return if is_lower(Resource::Fsize, FILE) {
            ExamineError::Unable("the system lets it write too little".to_owned())
        } else {
            ExamineError::Broke(ended)
        };
    }
    if is(Signal::ABORT) && NO_MEMORY.iter().any(|part| words.contains(part)) {
        return if memory_is_ours() {
            ExamineError::Broke(format!("{ended}, for want of more than {MEMORY} of memory"))
        } else {
            ExamineError::Ended(format!("{ended}, for want of memory"))
        };
    }
    let crashes = [
        Signal::ABORT,
        Signal::BUS,
        Signal::FPE,
        Signal::ILL,
        Signal::SEGV,
        Signal::SYS,
        Signal::TRAP,
    ];
    if crashes.into_iter().any(is) {
        // A compiler that goes deep crashes on a stack that somebody made small.
        return if is_lower(Resource::Stack, STACK) {
            ExamineError::Ended(ended)
        } else {
            ExamineError::Broke(ended)
        };
    }
    if is(Signal::KILL) {
        return ExamineError::Ended(format!("{ended}, as where the machine has no memory left"));
    }
    // Nothing that a component does sends any other.
    ExamineError::Unable(format!("signal {signal} ended the process that compiles"))
}

/// Returns whether the limit that a child inherits is below the one that it is given.
fn is_lower(resource: Resource, given: u64) -> bool {
    let limit = getrlimit(resource);
    let own = match resource {
        // The child raises its soft limit as far as the hard one allows.
        Resource::Stack => limit.current,
        _ => limit.maximum,
    };
    own.is_some_and(|most| most < given)
}

/// Returns whether the first limit that a child's memory meets is the one that it is given.
fn memory_is_ours() -> bool {
    // Where the machine promises no more than it has, an allocation fails for what others use.
    let strict = std::fs::read_to_string("/proc/sys/vm/overcommit_memory");
    let strict = strict.is_ok_and(|mode| mode.trim() == "2");
    !strict && !is_lower(Resource::Data, MEMORY.0) && getrlimit(Resource::As).current.is_none()
}

/// Returns the line of a process's last words that says most.
fn last_line(words: &str) -> &str {
    let telling = |line: &&str| !line.trim().is_empty() && !line.starts_with("note: ");
    let mut lines = words.lines().rev().filter(telling);
    lines.next().unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: i32, words: &str) -> ExamineError {
        blame(ExitStatus::from_raw(status), words, Duration::from_secs(1))
    }

    #[test]
    fn a_crash_of_the_compiler_is_the_components_doing() {
        for signal in [
            Signal::SEGV,
            Signal::BUS,
            Signal::ILL,
            Signal::ABORT,
            Signal::XCPU,
        ] {
            let found = of(signal.as_raw(), "");
            assert!(
                matches!(found, ExamineError::Broke(_)),
                "{signal:?}: {found:?}"
            );
        }
        let panic =
            "thread 'main' panicked at isle.rs:1:1:\nno rule\nnote: run with `RUST_BACKTRACE=1`";
        assert_eq!(
            of(101 << 8, panic),
            ExamineError::Broke("failed: no rule".to_owned())
        );
    }

    #[test]
    fn a_child_without_memory_met_its_own_limit_or_that_of_the_machine() {
        // This process has no limits that somebody lowered, or the machine is to blame here too.
        let own = memory_is_ours();
        let found = starved("Cannot allocate memory (os error 12)");
        assert_eq!(matches!(found, ExamineError::Broke(_)), own, "{found:?}");
        let found = starved("Too many open files (os error 24)");
        assert!(matches!(found, ExamineError::Ended(_)), "{found:?}");
    }

    #[test]
    fn a_signal_from_outside_says_nothing_about_the_component() {
        for signal in [
            Signal::TERM,
            Signal::INT,
            Signal::HUP,
            Signal::QUIT,
            Signal::PIPE,
        ] {
            let found = of(signal.as_raw(), "");
            assert!(
                matches!(found, ExamineError::Unable(_)),
                "{signal:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_death_for_want_of_resources_may_be_the_machines_doing() {
        assert!(matches!(
            of(Signal::KILL.as_raw(), ""),
            ExamineError::Ended(_)
        ));
        let thread = "thread 'main' panicked at x.rs:1:1:\nfailed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" }";
        assert!(matches!(of(101 << 8, thread), ExamineError::Ended(_)));
    }
}
