//! The client, installed as an owner does it: from an archive, and through npm's registry.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use coworker_host::transport::xmtp::INDEX;
use serde_json::Value;

use super::network::{Member, Node, config_with, node_program, sidecar};
use crate::support::Place;

/// A home that has a Node.js and no client.
fn bare(node: &Node) -> Place {
    Place::configured(&format!(
        "[host]\nname = \"ann\"\n[xmtp]\nenv = \"local\"\nrun_node = false\nnode = \"http://{}\"\nnode_program = \"{}\"\n",
        node.address,
        node_program().display()
    ))
}

/// Runs a command with what the user has set up npm with.
fn with_npm(command: &mut Command) -> Output {
    let is_ours =
        |(name, _): &(OsString, OsString)| !name.to_string_lossy().starts_with("COWORKER_");
    let output = command.envs(std::env::vars_os().filter(is_ours)).output();
    output.expect("it runs")
}

#[track_caller]
fn well(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).expect("one document")
}

/// Returns the names of the native modules in a folder and all below it.
fn modules(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(modules(&entry.path()));
        } else if Path::new(&name).extension().is_some_and(|it| it == "node") {
            found.push(name);
        }
    }
    found
}

/// Shows that what was installed is whole, small, and runs.
fn runs(place: Place) -> Member {
    let sidecar = place.home().join("xmtp/sidecar");
    let modules = modules(&sidecar);
    assert_eq!(
        modules.len(),
        1,
        "those of other platforms are gone: {modules:?}"
    );
    let status = well(
        &place
            .command(&["--json", "bridge", "status"])
            .output()
            .expect("it runs"),
    );
    let checks = status["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|check| check["ok"] == true), "{status}");
    let serving = place.serve(&[]);
    Member::of(place, serving)
}

#[test]
fn an_archive_of_the_packages_is_installed_and_runs() {
    let network = Place::new();
    let node = Node::start(&network);
    let place = bare(&node);
    // As the help says: `npm pack` for each package that is listed, and `tar` the files.
    let listed = place
        .command(&["--json", "bridge", "status"])
        .output()
        .expect("it runs");
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("one document");
    let packages = listed["packages"].as_array().expect("a list");
    let packs = place.path("packs");
    std::fs::create_dir(&packs).expect("ours");
    let mut npm = Command::new("npm");
    npm.args(["pack", "--loglevel", "error"])
        .args(packages.iter().filter_map(Value::as_str))
        .current_dir(&packs);
    let packed = with_npm(&mut npm);
    assert!(
        packed.status.success(),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let archive = place.path("packages.tar");
    let made = Command::new("tar")
        .arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(&packs)
        .arg(".")
        .status();
    assert!(made.expect("tar runs").success());

    let words = [
        "--json",
        "bridge",
        "setup",
        "--offline",
        archive.to_str().expect("plain"),
    ];
    let mut setup = place.command(&words);
    // tar is all that it needs; no registry can be reached.
    setup.env("PATH", std::env::var_os("PATH").expect("a path"));
    setup.env("npm_config_registry", "http://127.0.0.1:9/");
    let done = well(&setup.output().expect("it runs"));
    assert!(
        done["folder"]
            .as_str()
            .is_some_and(|folder| folder.ends_with("home/xmtp/sidecar")),
        "{done}"
    );

    let mut ann = runs(place);
    // The one file that is ours is put right before it is run.
    ann.kill();
    ann.place
        .write("home/xmtp/sidecar/index.mjs", "process.exit(7);\n");
    ann.serve();
    ann.until_state("ready");
    let index = std::fs::read_to_string(ann.place.home().join("xmtp/sidecar/index.mjs"));
    assert_eq!(index.expect("it is there"), INDEX);
}

#[test]
fn npm_brings_the_packages_of_the_lockfile() {
    let network = Place::new();
    let node = Node::start(&network);
    let place = bare(&node);
    let done = well(&with_npm(
        &mut place.command(&["--json", "bridge", "setup"]),
    ));
    assert!(
        done["node_version"]
            .as_str()
            .is_some_and(|it| it.starts_with('v')),
        "{done}"
    );
    runs(place);
}

/// Copies a folder and all below it.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp runs").success());
}

#[test]
fn a_module_for_a_newer_c_library_is_told_with_what_to_do() {
    let place = Place::with_home();
    let folder = place.path("sidecar");
    copy(&sidecar(), &folder);
    let config = config_with("ann", "127.0.0.1:9", &folder);
    place.write("home/config.toml", config);
    place.mode("home/config.toml", 0o600);
    let asked = |words: &[&str], list: fn(&Value) -> &Value, name: &str| {
        let output = place.command(&[&["--json"], words].concat()).output();
        let output = output.expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = serde_json::Deserializer::from_str(&told).into_iter().next();
        let first: Value = first.expect("a document").expect("JSON");
        let checks = list(&first).as_array().expect("a list").clone();
        let row = |row: &Value| row["check"].as_str().is_some_and(|it| it.contains(name));
        let row = checks.into_iter().find(row);
        row.unwrap_or_else(|| panic!("no {name}: {told}"))
    };
    let status = |name: &str| asked(&["bridge", "status"], |told| &told["checks"], name);
    let doctor = |name: &str| asked(&["doctor"], |told| told, name);
    let well = status("c library");
    assert_eq!(well["ok"], true, "{well}");
    let detail = well["detail"].as_str().expect("text").to_owned();
    assert!(
        detail.starts_with("glibc 2.") && detail.contains("needs 2.34 or newer"),
        "{detail}"
    );

    // The same module, but for a version that is nowhere yet.
    let bindings = folder.join("node_modules/@xmtp/node-bindings/dist");
    let modules = std::fs::read_dir(&bindings).expect("a folder").flatten();
    let mut modules = modules.map(|entry| entry.path());
    let module = modules.find(|path| path.extension().is_some_and(|it| it == "node"));
    let module = module.expect("a native module");
    let mut bytes = std::fs::read(&module).expect("it is there");
    let (from, to) = (b"GLIBC_2.34\0", b"GLIBC_2.99\0");
    let names = (0..bytes.len()).filter(|at| bytes[*at] == from[0]);
    let at = names.into_iter().find(|at| bytes[*at..].starts_with(from));
    let at = at.expect("what it needs");
    bytes[at..at + to.len()].copy_from_slice(to);
    std::fs::write(&module, bytes).expect("ours");

    for row in [status("c library"), doctor("c library")] {
        assert_eq!(row["ok"], false, "{row}");
        let detail = row["detail"].as_str().expect("text");
        assert!(detail.contains("needs 2.99 or newer"), "{row}");
        assert!(
            row["hint"]
                .as_str()
                .is_some_and(|it| it.contains("newer release")),
            "{row}"
        );
    }
    let client = status("xmtp client");
    assert_eq!(client["ok"], false, "{client}");
    assert!(
        client["hint"]
            .as_str()
            .is_some_and(|it| it.contains("newer C library")),
        "{client}"
    );
}
