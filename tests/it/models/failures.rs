//! Every way in which a provider can fail: the code for the caller, the cause and what to do for the owner.

use std::time::{Duration, Instant};

use super::server::{Act, Server};
use super::*;

#[test]
fn what_a_provider_says_wrong_is_told_apart() {
    for (rule, code, cause, hint) in [
        (
            "fail = \"unknown-model\"",
            "EXECUTION_FAILED",
            "does not know the model",
            "hint: correct `model`",
        ),
        (
            "fail = \"refused\"",
            "EXECUTION_FAILED",
            "refused to answer",
            "hint: ",
        ),
        (
            "answer = \"\"",
            "EXECUTION_FAILED",
            "wrote nothing",
            "hint: ",
        ),
        ("size = 1048576", "OUTPUT_REJECTED", "larger than", "hint: "),
    ] {
        let place = scripted(&format!("[[rule]]\n{rule}\n"), "");
        let (_serving, peer) = start(&place);
        fails(&place, &peer, code, cause, hint);
    }
}

#[test]
fn text_where_json_was_asked_is_rejected_after_one_more_try() {
    let head = "---\nname: soup\ndescription: Knows soups.\noutput_schema: {type: object, required: [minutes]}\n---\n";
    let place = place(SCRIPTED, head);
    place.write("home/script.toml", "[[rule]]\nanswer = \"A while.\"\n");
    let (_serving, peer) = start(&place);
    fails(&place, &peer, "OUTPUT_REJECTED", "is not JSON", "hint: ");
    assert_eq!(newest(&place, "soup")["used"]["model_calls"], 2);
}

/// A place whose provider is this server.
fn with(server: &Server, more: &str) -> Place {
    let provider = format!(
        "[llm.mine]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m-1\"\nkey_file = \"key\"\n{more}",
        server.url()
    );
    let place = place(&provider, SOUP);
    place.write("home/key", "sk-filed-away");
    place.mode("home/key", 0o600);
    place
}

#[test]
fn trouble_is_waited_out_and_otherwise_told() {
    let complaint = format!(
        "{{\"error\": {{\"type\": \"trouble\", \"message\": \"{SECRET} sk-filed-away\"}}}}"
    );
    let say = |status: u16| Act::Say(status, "retry-after: 0\r\n", complaint.clone());
    let fine = Act::Say(
        200,
        "",
        "{\"choices\": [{\"message\": {\"content\": \"Boil it.\"}}]}".to_owned(),
    );
    for trouble in [say(429), say(500)] {
        let server = Server::start(vec![trouble.clone(), fine.clone()]);
        let place = with(&server, "");
        let (_serving, peer) = start(&place);
        let answer = peer.call("soup", json!({ "input": "leek" }));
        assert_eq!(
            answer["result"],
            json!({ "result": "Boil it." }),
            "{trouble:?}"
        );
        let log = newest(&place, "soup")["log"].to_string();
        assert!(
            log.contains("trying again") && !log.contains("saffron"),
            "{log}"
        );
        assert!(
            server.requests()[0].contains(SECRET),
            "it was asked for that"
        );
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{";
    for (trouble, code, cause) in [
        (say(429), "EXECUTION_FAILED", "come back later (status 429)"),
        (say(500), "EXECUTION_FAILED", "failed (status 500, trouble)"),
        (say(401), "EXECUTION_FAILED", "refuses the key"),
        (Act::HangUp, "EXECUTION_FAILED", "broke off"),
        (Act::Cut(cut.to_owned()), "EXECUTION_FAILED", "broke off"),
        (Act::Stall(String::new()), "TIMEOUT", "longer than 1s"),
    ] {
        let server = Server::start(vec![trouble]);
        let place = with(&server, "timeout = \"1s\"\n");
        let (_serving, peer) = start(&place);
        fails(&place, &peer, code, cause, "hint: ");
    }
}

#[test]
fn a_provider_that_is_down_costs_its_callers_no_time() {
    let server = Server::start(vec![Act::HangUp]);
    let place = with(&server, "");
    drop(server);
    let (_serving, peer) = start(&place);
    let started = Instant::now();
    fails(
        &place,
        &peer,
        "EXECUTION_FAILED",
        "cannot be reached",
        "hint: ",
    );
    assert!(started.elapsed() < Duration::from_secs(60));
}
