//! What leaves the machine for a skill with an `http` grant, through the real binary: to the granted place, with the owner's
//! header, and past no proxy.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};

use serde_json::json;

use crate::hosts::EXPOSED;
use crate::models::server::{Act, Server};
use crate::support::{Place, Serving};

const KEY: &str = "sk-of-the-owner-4711";

#[test]
fn a_guest_reaches_the_granted_place_with_a_header_it_never_sees_and_no_proxy() {
    let server = Server::start(vec![
        Act::Say(302, "location: /api/there\r\n", String::new()),
        Act::Say(200, "", "{}".to_owned()),
        Act::Say(302, "location: /private\r\n", String::new()),
    ]);
    let proxy = Server::start(vec![Act::Say(200, "", "of the proxy".to_owned())]);
    let place = Place::configured(EXPOSED);
    place.drop_in("fetch.wasm", "fetch.wasm");
    let asks = format!(
        "[[grants.http]]\nurl = \"{}/api/\"\nmethods = [\"GET\"]\nheaders = {{ Authorization = \"Bearer ${{env:EGRESS_KEY}}\" }}\n",
        server.url()
    );
    place.write("home/skills/fetch.toml", asks);
    let serving = serve(&place, &proxy.url());
    place.agree("echo");
    place.wait_for("echo", "exposed");
    let peer = place.peer(&serving, "known");

    let own = json!(["authorization", "Bearer of-the-guest"]);
    let inside = json!({ "url": format!("{}/api/here", server.url()), "header": own });
    let answer = peer.call("echo", inside);
    assert_eq!(
        answer["result"],
        json!({ "status": 200, "bytes": 2, "text": "{}" }),
        "{answer}"
    );
    let outside = json!({ "url": format!("{}/api/away", server.url()) });
    let refused = peer.call("echo", outside);
    assert_eq!(refused["error_code"], "EXECUTION_FAILED", "{refused}");

    let mut heard = VecDeque::from(server.requests());
    for path in ["/api/here", "/api/there", "/api/away"] {
        let request = heard.pop_front().expect(path).to_ascii_lowercase();
        assert!(
            request.starts_with(&format!("get {path} http")),
            "{request}"
        );
        let header = format!("\r\nauthorization: bearer {KEY}\r\n");
        assert!(request.contains(&header), "{request}");
        assert!(!request.contains("of-the-guest"), "{request}");
    }
    assert_eq!(heard, VecDeque::new(), "nothing is asked after a refusal");
    assert_eq!(proxy.requests(), Vec::<String>::new());
    for told in [answer.to_string(), refused.to_string()] {
        assert!(!told.contains(KEY), "{told}");
    }
    for task in place.tasks() {
        let told = place.task(&task).to_string();
        assert!(!told.contains(KEY), "{told}");
    }
}

/// Starts a host whose environment has the owner's key, and a proxy for everything.
fn serve(place: &Place, proxy: &str) -> Serving {
    let log = std::fs::File::create(place.path("serve.log")).expect("ours");
    let mut command = place.command(&["--json", "serve"]);
    command.env("EGRESS_KEY", KEY).stderr(log);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy);
    }
    let mut child = command.spawn().expect("the binary runs");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("read");
    let ready = serde_json::from_str(&line).expect("it is ready");
    Serving::of(child, ready)
}
