//! Nodes: the one that a host runs by itself, who takes it over, one that has forgotten everybody, and the
//! command; and when a host takes this network without being told.

use std::io::{BufRead, BufReader};
use std::path::Path;

use coworker_core::InviteCode;
use serde_json::{Value, json};

use super::network::{Member, Node, node_program, sidecar};
use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::{Place, Serving, free_port};

/// Returns the configuration of a home that is to run a node of its user where none answers.
fn config(name: &str, port: u16) -> String {
    format!(
        "[host]\nname = \"{name}\"\ndefault_visibility = \"exposed\"\n\
         [xmtp]\nnode = \"http://127.0.0.1:{port}\"\nsidecar = \"{}\"\nnode_program = \"{}\"\n",
        sidecar().display(),
        node_program().display()
    )
}

/// Makes such a home and serves it.
fn host(name: &str, port: u16, data: &Path) -> Member {
    let place = Place::configured(&config(name, port));
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = serve(&place, data);
    Member::of(place, serving)
}

fn serve(place: &Place, data: &Path) -> Serving {
    place.serve_with(&["--env", "local"], &[("XDG_DATA_HOME", data)])
}

fn node_of(member: &Member) -> Value {
    member.owner(json!({ "do": "status" }))["node"].clone()
}

/// Waits until a host has noticed that its network does not know it.
#[track_caller]
fn is_forgotten(member: &Member) {
    let broken = member.until_state("broken");
    let said = |key: &str| broken[key].as_str().unwrap_or_default().to_owned();
    assert!(said("why").contains("does not know"), "{broken}");
    assert!(said("hint").contains("bridge reset"), "{broken}");
}

/// Does what its owner is told to do then. It is the same inbox as `before`, and another installation.
#[track_caller]
fn reset(member: &mut Member, before: &Value) {
    member.kill();
    let reset = member.place.run(&["bridge", "reset", "--yes"]);
    assert_eq!(reset.code, 0, "{}", reset.stderr);
    member.serve();
    let after = member.until_state("ready");
    assert_eq!(before["inbox"], after["inbox"]);
    assert_ne!(before["installation"], after["installation"]);
}

#[test]
fn the_first_host_runs_the_users_node_and_another_takes_it_over() {
    let user = Place::new();
    let (data, port) = (user.path("data"), free_port());
    let mut ann = host("ann", port, &data);
    let bob = host("bob", port, &data);
    let (anns, bobs) = (node_of(&ann), node_of(&bob));
    assert_eq!(
        (&anns["ours"], &bobs["ours"]),
        (&json!(true), &json!(false))
    );
    let pid = ann.serving.as_ref().map(Serving::id);
    assert_eq!(bobs["pid"], json!(pid), "it shows whose the node is");
    assert_eq!(bobs["url"], format!("http://127.0.0.1:{port}"));
    assert!(data.join("coworker-host/node/node.db").is_file());
    ann.trust(&bob, "known");
    bob.owner(json!({ "do": "connect", "target": ann.me }));
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 1 }))["result"]["n"], 1);

    ann.kill();
    until("the other host runs the node", || {
        let status = ask_at(&bob.place.home(), json!({ "do": "status" })).ok()?;
        (status["node"]["ours"] == true).then_some(())
    });
    ann.serving = Some(serve(&ann.place, &data));
    ann.until_state("ready");
    assert_eq!(node_of(&ann)["ours"], false);
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 2 }))["result"]["n"], 2);
}

#[test]
fn a_network_that_forgot_a_host_waits_for_its_owner() {
    let place = Place::new();
    let mut node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &[]);
    let before = ann.bridge();
    ann.kill();
    node.wipe_and_restart();
    ann.serve();
    is_forgotten(&ann);
    reset(&mut ann, &before);
    // And the network knows it: whoever is new there reaches it.
    let bob = Member::join("bob", &node, &[]);
    let met = bob.owner(json!({ "do": "connect", "target": ann.me }));
    assert_eq!(met["claimed_name"], "ann");
}

#[test]
fn a_network_that_forgets_a_host_that_runs_is_noticed() {
    let place = Place::new();
    let mut node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &["echo.wasm"]);
    let before = ann.bridge();
    // A node that was away and remembers is none of it.
    node.kill_and_restart();
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "known");
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 1 }))["result"]["n"], 1);
    assert_eq!(ann.bridge()["installation"], before["installation"]);

    node.wipe_and_restart();
    for member in [&ann, &bob] {
        is_forgotten(member);
    }
    reset(&mut ann, &before);
}

#[test]
fn the_command_runs_a_node_for_this_machine_alone_unless_told() {
    let place = Place::new();
    let data = place.path("node");
    let words = [
        "--json",
        "node",
        "--listen",
        "0.0.0.0:0",
        "--data",
        data.to_str().expect("plain"),
    ];
    let refused = place.run(&words);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("hint: ")
            && refused.stderr.contains("--tls-cert")
            && refused.stderr.contains("--insecure"),
        "{}",
        refused.stderr
    );
    let mut child = place
        .command(&[&words[..], &["--insecure"]].concat())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let said = child.stdout.take().expect("piped");
    BufReader::new(said).read_line(&mut line).expect("read");
    let ready: Value = serde_json::from_str(&line).expect("one document");
    assert!(
        ready["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://0.0.0.0:")),
        "{ready}"
    );
    assert_eq!(ready["pid"], child.id());
    let port = ready["address"]
        .as_str()
        .and_then(|it| it.rsplit(':').next())
        .and_then(|it| it.parse().ok());
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port.expect("a port")));
    std::net::TcpStream::connect(address).expect("it listens");
    let ended = Serving::of(child, ready).terminate();
    assert_eq!(ended.code(), Some(0));
}

/// Returns what a host said about its network when it started.
fn said(place: &Place) -> String {
    let log = std::fs::read_to_string(place.path("serve.log")).expect("ours");
    let mut lines = log
        .lines()
        .filter(|line| line.starts_with("no network is configured"));
    lines.next().unwrap_or_default().to_owned()
}

#[test]
fn a_plain_serve_takes_xmtp_where_it_is_installed_and_says_what_it_takes() {
    let place = Place::with_home();
    let serving = place.serve(&[]);
    assert_eq!(serving.ready["transport"], "loopback");
    insta::assert_snapshot!(said(&place), @"no network is configured, and the XMTP client is not installed: using loopback, which reaches hosts of this machine; for XMTP run `coworker-host bridge setup`, and serve again");
    drop(serving);
    for arguments in [&["--transport", "loopback"][..], &["--quiet"]] {
        let serving = place.serve(arguments);
        assert_eq!(
            (serving.ready["transport"].as_str(), said(&place)),
            (Some("loopback"), String::new())
        );
    }

    let (data, whole) = (place.path("data"), config("ann", free_port()));
    let more = [("XDG_DATA_HOME", data.as_path())];
    let serve = |config: &str| {
        place.write("home/config.toml", config);
        place.serve_with(&[], &more)
    };
    // A client, and nothing to run it.
    let node = format!("\"{}\"", node_program().display());
    let serving = serve(&whole.replace(&node, "\"/nowhere\""));
    assert_eq!(serving.ready["transport"], "loopback");
    let missing = said(&place);
    assert!(
        missing.contains("/nowhere is no Node.js") && missing.contains("install Node.js 22"),
        "{missing}"
    );
    drop(serving);
    let serving = serve(&whole);
    assert_eq!(serving.ready["transport"], "xmtp");
    insta::assert_snapshot!(said(&place), @"no network is configured: using `local`, a node of this machine; set `[xmtp] env` to be reached from others");
    let me = serving.me().to_owned();
    drop(serving);
    // Peers know this home by its inbox now, also while something is missing and where no host runs.
    let serving = serve(&whole.replace(&node, "\"/nowhere\""));
    assert_eq!(
        (serving.me(), &serving.ready["transport"]),
        (me.as_str(), &json!("xmtp"))
    );
    drop(serving);
    let invite = place
        .command(&["--json", "invite"])
        .output()
        .expect("it runs");
    let invite: Value = serde_json::from_slice(&invite.stdout).expect("one document");
    let code = InviteCode::decode(invite["code"].as_str().expect("a code")).expect("a code");
    assert_eq!(code.inbox_id.map(|inbox| format!("xmtp:{inbox}")), Some(me));
}
