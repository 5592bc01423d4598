//! Puts the official client beside the sidecar, exactly in the versions of the lockfile and without running any script of
//! theirs, and says whether what is there works.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha512};
use tokio::process::Command;

use super::libc::{self, Library};
use super::program::{INDEX, LOCK, NodeProgram, PACKAGE, SUPPORTED, SidecarFolder};
use super::status::{Trouble, telling};
use crate::home::{Home, HomeError};
use crate::report::printable;

/// How long the client's native module may take to load.
const LOADING: Duration = Duration::from_secs(30);
/// The client's package with the native modules of all platforms.
const BINDINGS: &str = "node_modules/@xmtp/node-bindings/dist";

/// Prints the platform as the names of native modules have it.
const PLATFORM: &str = "const { platform, arch } = process; const report = platform === 'linux' && process.report.getReport(); \
    const library = report ? (report.header.glibcVersionRuntime ? '-gnu' : '-musl') : ''; \
    console.log(`${platform}-${arch}${library}`)";

/// Where the packages come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The registry, through npm as the user has set it up.
    Registry,
    /// A tar archive of the packages as the registry has them.
    Archive(PathBuf),
}

/// Why the client was not installed. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no npm.
    #[error("npm cannot be run: {0}")]
    NoNpm(std::io::Error),
    /// A program that was needed failed.
    #[error("{program} failed: {words}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// Its last words.
        words: String,
    },
    /// The archive lacks a package.
    #[error("the archive holds no {name} {version} with the hash of the lockfile")]
    Incomplete {
        /// The package.
        name: String,
        /// Its version.
        version: String,
    },
    /// What was installed does not work here.
    #[error("the client does not run here: {}", .0.why)]
    Unusable(Trouble),
    /// A file or folder.
    #[error("{0}")]
    Home(#[from] HomeError),
    /// A file or folder.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// Whether it is well.
    pub is_well: bool,
    /// What there is.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Installs the client into the home's own folder. `progress` hears what is being done.
pub async fn install(
    home: &Home,
    node: &NodeProgram,
    source: &Source,
    progress: impl Fn(String),
) -> Result<PathBuf, InstallError> {
    let folder = SidecarFolder::locate(home, None).path;
    if let Some(library) = Library::here(Some(node)).await {
        library.suits_pinned().map_err(InstallError::Unusable)?;
    }
    let fresh = folder.with_extension("new");
    home.make_folder(&home.xmtp())?;
    remove(&fresh)?;
    home.make_folder(&fresh)?;
    for (name, text) in [
        ("package.json", PACKAGE),
        ("package-lock.json", LOCK),
        ("index.mjs", INDEX),
    ] {
        home.write_private(&fresh.join(name), text.as_bytes())?;
    }
    match source {
        Source::Registry => download(&fresh, node, &progress).await?,
        Source::Archive(archive) => unpack(&fresh, archive, &progress).await?,
    }
    trim(&fresh.join(BINDINGS), node).await?;
    progress("loading the client".to_owned());
    load(&fresh, node).await.map_err(InstallError::Unusable)?;
    remove(&folder)?;
    std::fs::rename(&fresh, &folder).map_err(|source| InstallError::Io {
        doing: "put in place",
        path: folder.clone(),
        source,
    })?;
    Ok(folder)
}

async fn download(
    folder: &Path,
    node: &NodeProgram,
    progress: &impl Fn(String),
) -> Result<(), InstallError> {
    // The npm that came with this Node.js, if it did.
    let beside = node.path.with_file_name("npm");
    let npm = if beside.exists() {
        beside
    } else {
        "npm".into()
    };
    let command = Command::new(npm)
        .current_dir(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel", "error"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::pin!(command);
    let output = loop {
        let size = size_of(&folder.join("node_modules")) >> 20;
        progress(format!(
            "installing the XMTP client, {size} MiB of about 210"
        ));
        tokio::select! {
            output = &mut command => break output.map_err(InstallError::NoNpm)?,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    };
    succeeded("npm", &output)
}

/// Unpacks the packages of the lockfile out of an archive, each only if its hash is the lockfile's.
async fn unpack(
    folder: &Path,
    archive: &Path,
    progress: &impl Fn(String),
) -> Result<(), InstallError> {
    progress("reading the archive".to_owned());
    let loose = folder.join("archive");
    make(&loose)?;
    tar(&["-xf"], archive, &["-C"], &loose).await?;
    let mut packages = wanted();
    for file in files_of(&loose)? {
        let bytes = std::fs::read(&file).map_err(|source| InstallError::Io {
            doing: "read",
            path: file.clone(),
            source,
        })?;
        let hash = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&bytes)));
        let Some(place) = packages.iter().position(|package| package.hash == hash) else {
            continue;
        };
        let package = packages.swap_remove(place);
        progress(format!("unpacking {} {}", package.name(), package.version));
        let into = folder.join(&package.path);
        make(&into)?;
        tar(&["-xzf"], &file, &["--strip-components=1", "-C"], &into).await?;
    }
    if let Some(package) = packages.pop() {
        return Err(InstallError::Incomplete {
            name: package.name().to_owned(),
            version: package.version,
        });
    }
    remove(&loose)
}

/// A package of the lockfile.
struct Package {
    path: String,
    version: String,
    hash: String,
}

impl Package {
    fn name(&self) -> &str {
        self.path.trim_start_matches("node_modules/")
    }
}

fn wanted() -> Vec<Package> {
    let lock: Value = serde_json::from_str(LOCK).unwrap_or_default();
    let packages = lock.get("packages").and_then(Value::as_object);
    let text = |package: &Value, key: &str| {
        let text = package.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    packages
        .into_iter()
        .flatten()
        .filter(|(path, _)| path.starts_with("node_modules/"))
        .map(|(path, package)| Package {
            path: path.clone(),
            version: text(package, "version"),
            hash: text(package, "integrity"),
        })
        .collect()
}

/// Returns the packages of the lockfile, as npm names them.
pub fn packages() -> Vec<String> {
    let name = |package: &Package| format!("{}@{}", package.name(), package.version);
    wanted().iter().map(name).collect()
}

async fn tar(
    before: &[&str],
    file: &Path,
    after: &[&str],
    into: &Path,
) -> Result<(), InstallError> {
    let output = Command::new("tar")
        .args(before)
        .arg(file)
        .arg("--no-same-owner")
        .args(after)
        .arg(into)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| InstallError::Io {
            doing: "unpack",
            path: file.to_owned(),
            source,
        })?;
    succeeded("tar", &output)
}

fn succeeded(program: &'static str, output: &Output) -> Result<(), InstallError> {
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = words
        .lines()
        .rev()
        .filter(|line| !line.is_empty())
        .take(4)
        .collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(InstallError::Failed {
        program,
        words: printable(&last.join("; ")),
    })
}

/// Removes the native modules of other platforms: nine tenths of what was installed. Which platform this is Node.js
/// knows, since it is what loads the one that is left: on Linux by its C library too.
async fn trim(folder: &Path, node: &NodeProgram) -> Result<(), InstallError> {
    let output = Command::new(&node.path)
        .args(["-e", PLATFORM])
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| InstallError::Io {
            doing: "run",
            path: node.path.clone(),
            source,
        })?;
    succeeded("node", &output)?;
    let ours = format!(".{}", String::from_utf8_lossy(&output.stdout).trim());
    for file in files_of(folder)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".node") && !name.contains(&ours) {
            remove(&file)?;
        }
    }
    Ok(())
}

/// Loads the client's native module, in an environment as empty as the sidecar's.
async fn load(folder: &Path, node: &NodeProgram) -> Result<(), Trouble> {
    let command = Command::new(&node.path)
        .current_dir(folder)
        .args([
            "--input-type=module",
            "-e",
            "await import('@xmtp/node-sdk')",
        ])
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LOADING, command)
        .await
        .map_err(|_| Trouble::passing("the client did not load in time"))?
        .map_err(|error| Trouble::passing(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::read(&printable(
        telling(&words).unwrap_or_default(),
    )))
}

/// Looks at everything that the sidecar needs.
pub async fn examine(home: &Home, sidecar: &SidecarFolder, named: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    let node = NodeProgram::find(named, &sidecar.path).await;
    found.push(match &node {
        Ok(node) => {
            let supported = node.major >= SUPPORTED;
            let advice = "it runs, but the client's makers support Node.js 22 or newer";
            Finding {
                what: "node",
                is_well: true,
                detail: format!("{} at {}", node.version, node.path.display()),
                hint: (!supported).then(|| advice.to_owned()),
            }
        }
        Err(trouble) => wrong("node", trouble),
    });
    found.extend(libc::examine(node.as_ref().ok(), &sidecar.path.join(BINDINGS)).await);
    let prepared = sidecar.prepare(home);
    found.push(match (&prepared, &node) {
        (Err(trouble), _) => wrong("xmtp client", trouble),
        (Ok(()), Err(_)) => Finding {
            what: "xmtp client",
            is_well: false,
            detail: format!("it is in {}, and nothing runs it", sidecar.path.display()),
            hint: None,
        },
        (Ok(()), Ok(node)) => match load(&sidecar.path, node).await {
            Ok(()) => Finding {
                what: "xmtp client",
                is_well: true,
                detail: format!("it loads from {}", sidecar.path.display()),
                hint: None,
            },
            Err(trouble) => wrong("xmtp client", &trouble),
        },
    });
    found
}

fn wrong(what: &'static str, trouble: &Trouble) -> Finding {
    Finding {
        what,
        is_well: false,
        detail: trouble.why.clone(),
        hint: trouble.hint.map(str::to_owned),
    }
}

fn make(folder: &Path) -> Result<(), InstallError> {
    std::fs::create_dir_all(folder).map_err(|source| InstallError::Io {
        doing: "make",
        path: folder.to_owned(),
        source,
    })
}

fn remove(path: &Path) -> Result<(), InstallError> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(|source| InstallError::Io {
        doing: "remove",
        path: path.to_owned(),
        source,
    })
}

/// Returns the plain files directly in a folder.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let entries = std::fs::read_dir(folder).map_err(|source| InstallError::Io {
        doing: "look into",
        path: folder.to_owned(),
        source,
    })?;
    let plain = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    Ok(entries
        .flatten()
        .filter(plain)
        .map(|entry| entry.path())
        .collect())
}

/// Returns how much lies in a folder, as far as it can be seen.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs a package whose scripts each leave a file behind.
    fn pack(folder: &Path) {
        let package = folder.join("package");
        std::fs::create_dir(&package).expect("ours");
        let leave = |name: &str| format!("node -e \"fs.writeFileSync('ran-{name}','')\"");
        let scripts: Vec<String> = ["preinstall", "install", "postinstall", "prepare"]
            .iter()
            .map(|name| format!("{:?}: {:?}", name, leave(name)))
            .collect();
        let text = format!(
            "{{\"name\":\"eager\",\"version\":\"1.0.0\",\"scripts\":{{{}}}}}",
            scripts.join(",")
        );
        std::fs::write(package.join("package.json"), text).expect("ours");
        run(folder, "tar", &["-czf", "eager.tgz", "package"]);
    }

    fn run(folder: &Path, program: &str, arguments: &[&str]) {
        let mut command = std::process::Command::new(program);
        let output = command.args(arguments).current_dir(folder).output();
        let output = output.expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {told}");
    }

    /// Returns which scripts ran.
    fn ran(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("ran-")).collect()
    }

    #[tokio::test]
    async fn no_script_of_a_package_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        pack(folder);
        let own = "{\"name\":\"own\",\"private\":true,\"dependencies\":{\"eager\":\"file:eager.tgz\"},\
            \"scripts\":{\"postinstall\":\"node -e \\\"fs.writeFileSync('ran-own','')\\\"\"}}";
        std::fs::write(folder.join("package.json"), own).expect("ours");
        let quiet = ["--offline", "--no-audit", "--no-fund"];
        let lock = ["install", "--package-lock-only", "--ignore-scripts"];
        run(folder, "npm", &[&lock[..], &quiet].concat());
        let installed = folder.join("node_modules/eager");

        // Without what is tested they do run, else this would show nothing.
        run(folder, "npm", &[&["ci"][..], &quiet].concat());
        assert_eq!(ran(folder), ["ran-own"]);
        std::fs::remove_file(folder.join("ran-own")).expect("it ran");

        let node = NodeProgram::find(None, folder).await.expect("a Node.js");
        download(folder, &node, &|_| {}).await.expect("installed");
        assert!(installed.join("package.json").is_file());
        assert_eq!((ran(folder), ran(&installed)), (Vec::new(), Vec::new()));
    }
}
