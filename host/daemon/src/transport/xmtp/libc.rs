//! The C library: which one this system has, and which one the client's native module needs. The two are looked at and
//! compared, because what the system says when they do not fit names a symbol and no way out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::install::Finding;
use super::program::NodeProgram;
use super::status::Trouble;
use crate::report::printable;

/// What the client's module needs in the version of the lockfile, where none is installed yet.
const PINNED: Version = Version(2, 34);
/// How long a program may take to say what it runs on.
const PATIENCE: Duration = Duration::from_secs(20);
/// Prints the version of the C library that Node.js itself runs with, if it is the GNU one.
const ASK: &str = "const report = process.platform === 'linux' && process.report.getReport(); \
    console.log(report ? report.header.glibcVersionRuntime ?? 'none' : 'other')";
/// What an owner can do. The systems are those whose C library is the pinned version or newer.
const NEWER: &str = "use a newer system: Debian 12, Ubuntu 22.04, Fedora 35, RHEL 9 and what came after them have one that is new enough; or run a Node.js that brings its own";
const NEWEST: &str =
    "use a newer release of this system, or run a Node.js that brings its own C library";
/// What an owner can do who has a module for another C library.
const OTHER: &str = "run `coworker-host bridge setup` with the Node.js that is used here, which fetches the right one";

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    /// Reads a version, as in `2.36`; what follows after another full stop does not count.
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut next = || parts.next()?.parse().ok();
        Some(Self(next()?, next()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.0, self.1)
    }
}

/// The C library of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Library {
    Gnu(Version),
    /// With what it says of itself.
    Musl(String),
}

/// What the client's native module needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The GNU library, this version or a newer one.
    Gnu(Version),
    /// Another library.
    Musl,
}

impl Library {
    /// Asks the Node.js that would load the module, which may bring a library of its own; without one, the system.
    pub(super) async fn here(node: Option<&NodeProgram>) -> Option<Self> {
        if let Some(node) = node {
            let said = said(Command::new(&node.path).args(["-e", ASK]).env_clear()).await?;
            return match said.as_str() {
                "none" => Some(Self::Musl(
                    musl().await.unwrap_or_else(|| "musl".to_owned()),
                )),
                version => Version::read(version).map(Self::Gnu),
            };
        }
        let said = said(Command::new("getconf").arg("GNU_LIBC_VERSION")).await;
        match said.and_then(|said| Version::read(said.strip_prefix("glibc ")?)) {
            Some(version) => Some(Self::Gnu(version)),
            None => musl().await.map(Self::Musl),
        }
    }

    /// Says whether a module runs with it.
    ///
    /// # Errors
    /// If it does not, with what to do.
    pub(super) fn suits(&self, need: Need) -> Result<String, Trouble> {
        match (self, need) {
            (Self::Gnu(here), Need::Gnu(needed)) if *here >= needed => Ok(format!(
                "glibc {here}; the client's native module needs {needed} or newer"
            )),
            (Self::Gnu(here), Need::Gnu(needed)) => Err(Trouble::missing(
                format!("glibc {here}, and the client's native module needs {needed} or newer"),
                if needed <= PINNED { NEWER } else { NEWEST },
            )),
            (Self::Musl(said), Need::Musl) => Ok(said.clone()),
            (Self::Musl(said), Need::Gnu(_)) => Err(Trouble::missing(
                format!("{said}, and the client's native module is for glibc"),
                OTHER,
            )),
            (Self::Gnu(here), Need::Musl) => Err(Trouble::missing(
                format!("glibc {here}, and the client's native module is for musl"),
                OTHER,
            )),
        }
    }

    /// Says whether what the lockfile names will run with it. The packages hold a module for each library.
    ///
    /// # Errors
    /// If it will not, with what to do.
    pub(super) fn suits_pinned(&self) -> Result<String, Trouble> {
        self.suits(match self {
            Self::Gnu(_) => Need::Gnu(PINNED),
            Self::Musl(_) => Need::Musl,
        })
    }
}

/// Compares this system with the native modules in a folder; with what the lockfile will bring, if there are none.
pub(super) async fn examine(node: Option<&NodeProgram>, bindings: &Path) -> Option<Finding> {
    let here = Library::here(node).await?;
    let compared = match needed(bindings) {
        Some(need) => here.suits(need),
        None => here.suits_pinned(),
    };
    Some(match compared {
        Ok(detail) => Finding {
            what: "c library",
            is_well: true,
            detail,
            hint: None,
        },
        Err(trouble) => Finding {
            what: "c library",
            is_well: false,
            detail: trouble.why,
            hint: trouble.hint.map(str::to_owned),
        },
    })
}

/// Returns what the native module in a folder needs. Of several, the one for the GNU library tells.
fn needed(bindings: &Path) -> Option<Need> {
    let modules: Vec<PathBuf> = std::fs::read_dir(bindings)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "node"))
        .collect();
    let named = |part: &str| {
        modules.iter().find(|path| {
            path.file_stem()
                .is_some_and(|it| it.to_string_lossy().contains(part))
        })
    };
    let gnu = |path: &PathBuf| gnu_version(&std::fs::read(path).ok()?).map(Need::Gnu);
    let arch = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    named(&format!("linux-{arch}-gnu"))
        .and_then(gnu)
        .or_else(|| named("-musl").map(|_| Need::Musl))
}

/// Returns the newest version of the GNU library that a program or module asks for: the greatest name in its list of
/// needed versions that is one of the library's.
fn gnu_version(bytes: &[u8]) -> Option<Version> {
    let file = Elf(bytes);
    let needs = file.section(|kind| kind == Elf::NEEDED_VERSIONS)?;
    let names = file.offset(file.nth(file.word(needs, 0x28)?)?)?;
    let mut newest = None;
    let mut library = file.offset(needs)?;
    for _ in 0..file.word(needs, 0x2c)?.min(Elf::MOST) {
        let mut version = library.checked_add(file.word(library, 8)?)?;
        for _ in 0..file.short(library, 2)?.min(Elf::MOST) {
            let name = file.text(names.checked_add(file.word(version, 8)?)?)?;
            newest = newest.max(name.strip_prefix("GLIBC_").and_then(Version::read));
            version = version.checked_add(file.word(version, 12)?)?;
        }
        library = library.checked_add(file.word(library, 12)?)?;
    }
    newest
}

/// A program or module of 64 bits whose numbers begin with the least byte, as on every system that the client has a module
/// for. What is read from it lies within it, whatever its numbers say.
struct Elf<'a>(&'a [u8]);

impl Elf<'_> {
    /// The kind of the section that lists which versions are needed of which library.
    const NEEDED_VERSIONS: usize = 0x6fff_fffe;
    /// How many libraries, and versions of each, are looked at: more than any has.
    const MOST: usize = 256;

    fn bytes<const N: usize>(&self, at: usize, beyond: usize) -> Option<[u8; N]> {
        let start = at.checked_add(beyond)?;
        self.0.get(start..start.checked_add(N)?)?.try_into().ok()
    }

    fn short(&self, at: usize, beyond: usize) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(self.bytes(at, beyond)?)))
    }

    fn word(&self, at: usize, beyond: usize) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.bytes(at, beyond)?)).ok()
    }

    fn long(&self, at: usize, beyond: usize) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.bytes(at, beyond)?)).ok()
    }

    /// Returns where the description of a section is.
    fn nth(&self, section: usize) -> Option<usize> {
        let known = self.0.starts_with(b"\x7fELF\x02\x01");
        let beyond = section.checked_mul(self.short(0, 0x3a)?)?;
        self.long(0, 0x28)?.checked_add(beyond).filter(|_| known)
    }

    /// Returns where the description of the first section of a kind is.
    fn section(&self, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mut sections = (0..self.short(0, 0x3c)?).map_while(|section| self.nth(section));
        sections.find(|at| self.word(*at, 4).is_some_and(&is))
    }

    /// Returns where a section begins.
    fn offset(&self, section: usize) -> Option<usize> {
        self.long(section, 0x18)
    }

    fn text(&self, at: usize) -> Option<&str> {
        let rest = self.0.get(at..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(rest.get(..end)?).ok()
    }
}

/// Returns what musl says of itself. Its loader tells that to whoever runs it as `ldd`.
async fn musl() -> Option<String> {
    let mut command = Command::new("ldd");
    let output = command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    read_musl(&String::from_utf8_lossy(&output.stderr))
}

fn read_musl(said: &str) -> Option<String> {
    let mut lines = said.lines();
    lines.find(|line| line.starts_with("musl libc"))?;
    let version = lines.find_map(|line| line.strip_prefix("Version "));
    Some(printable(&format!(
        "musl {}",
        version.unwrap_or("of some version")
    )))
}

/// Runs a program and returns what it says, if it ends well.
async fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_compared_with_what_a_module_needs() {
        let gnu = |major, minor| Library::Gnu(Version(major, minor));
        let musl = Library::Musl("musl 1.2.5".to_owned());
        let needs = |major, minor| Need::Gnu(Version(major, minor));
        for (here, need) in [
            (gnu(2, 34), needs(2, 34)),
            (gnu(2, 36), needs(2, 34)),
            (gnu(3, 0), needs(2, 34)),
            (musl.clone(), Need::Musl),
        ] {
            assert!(here.suits(need).is_ok(), "{here:?} {need:?}");
        }
        for (here, need, why, hint) in [
            (gnu(2, 31), needs(2, 34), "glibc 2.31", "Debian 12"),
            // Numbers, not texts.
            (gnu(2, 9), needs(2, 34), "glibc 2.9", "Debian 12"),
            (gnu(2, 36), needs(2, 38), "needs 2.38", "newer release"),
            (gnu(2, 36), Need::Musl, "for musl", "bridge setup"),
            (musl.clone(), needs(2, 34), "musl 1.2.5", "bridge setup"),
        ] {
            let trouble = here.suits(need).expect_err("it does not fit");
            assert!(trouble.why.contains(why), "{trouble:?}");
            assert!(
                trouble.hint.is_some_and(|it| it.contains(hint)),
                "{trouble:?}"
            );
        }
        assert!(gnu(2, 34).suits_pinned().is_ok() && musl.suits_pinned().is_ok());
        assert!(gnu(2, 33).suits_pinned().is_err());
    }

    #[test]
    fn versions_are_read_from_what_others_say() {
        for (text, version) in [
            ("2.36", Some(Version(2, 36))),
            ("2.3.4", Some(Version(2, 3))),
            ("PRIVATE", None),
            ("2", None),
            ("", None),
        ] {
            assert_eq!(Version::read(text), version, "{text}");
        }
        let said = "musl libc (x86_64)\nVersion 1.2.5\nDynamic Program Loader\n";
        assert_eq!(read_musl(said).as_deref(), Some("musl 1.2.5"));
        assert_eq!(read_musl("ldd: invalid option"), None);
    }

    #[test]
    fn what_a_program_needs_is_read_from_it() {
        let ours = std::env::current_exe().expect("this program");
        let bytes = std::fs::read(ours).expect("it is there");
        // Whatever Rust links against is newer than this, if it is the GNU library at all.
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            let version = gnu_version(&bytes).expect("a version");
            assert!(
                version >= Version(2, 14) && version < Version(3, 0),
                "{version}"
            );
        }
        for cut in [0, 10, 64, bytes.len() / 2] {
            assert_eq!(gnu_version(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(gnu_version(b"no program"), None);
    }

    /// A module with one section of names and one of versions: two of the library, and one of another.
    fn module() -> Vec<u8> {
        let mut bytes = vec![0; 0x40];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let names = b"\0GLIBC_2.9\0GLIBC_2.34\0GCC_9.9\0GLIBC_PRIVATE\0";
        let places = [1_u32, 11, 30, 22];
        let names_at = bytes.len();
        bytes.extend_from_slice(names);
        let needs_at = bytes.len();
        bytes.extend([1, 0, 4, 0]);
        for number in [0_u32, 16, 0] {
            bytes.extend(number.to_le_bytes());
        }
        for (place, next) in places.into_iter().zip([16_u32, 16, 16, 0]) {
            for number in [0, 0, place, next] {
                bytes.extend(number.to_le_bytes());
            }
        }
        let table = bytes.len();
        bytes.resize(table + 3 * 0x40, 0);
        let mut put = |at: usize, number: usize, length: usize| {
            bytes[at..at + length].copy_from_slice(&number.to_le_bytes()[..length]);
        };
        put(0x28, table, 8);
        put(0x3a, 0x40, 2);
        put(0x3c, 3, 2);
        let (strings, needs) = (table + 0x40, table + 0x80);
        put(strings + 4, 3, 4);
        put(strings + 0x18, names_at, 8);
        put(needs + 4, Elf::NEEDED_VERSIONS, 4);
        put(needs + 0x18, needs_at, 8);
        put(needs + 0x28, 1, 4);
        put(needs + 0x2c, 1, 4);
        bytes
    }

    #[test]
    fn the_newest_version_counts_and_only_of_this_library() {
        assert_eq!(gnu_version(&module()), Some(Version(2, 34)));
    }

    proptest::proptest! {
        #[test]
        fn numbers_of_a_module_lead_nowhere_else(at in 0..500_usize, byte in proptest::num::u8::ANY, more in 0..500_usize) {
            let mut bytes = module();
            for place in [at, more] {
                if let Some(here) = bytes.get_mut(place) {
                    *here = byte;
                }
            }
            // It ends, and without a panic.
            let _ = gnu_version(&bytes);
        }
    }
}
