//! Getting to know each other: tiers, cards that are remembered, invites.

use serde_json::{Value, json};

use super::scene::Scene;
use crate::peer::names;

/// What a record in the agent's file says of a peer's skills.
fn skills(record: &Value) -> Vec<String> {
    names(&record["skills"])
}

#[test]
fn an_agent_sees_of_a_host_what_its_tier_sees() {
    let scene = Scene::open(&["echo.wasm", "hostile.wasm", "shape-name-second.wasm"]);
    let configure = |name: &str, tier: &str| {
        scene
            .host
            .owner(json!({ "do": "skills_configure", "name": name, "min_tier": tier }));
    };
    configure("hostile", "internal");
    configure("second", "privileged");
    // The package's own connect, as a stranger: it asks to be known, and is told to wait for the owner.
    let met = scene.agent.ask(json!({ "do": "connect", "to": scene.to }));
    assert_eq!(skills(&met), [""; 0]);
    assert!(
        scene.agent.log().contains("Trust denied"),
        "{}",
        scene.agent.log()
    );
    assert_eq!(scene.tier(), "untrusted");
    for (tier, sees) in [
        ("untrusted", &[][..]),
        ("known", &["echo"]),
        ("internal", &["echo", "hostile"]),
        ("privileged", &["echo", "hostile", "second"]),
    ] {
        scene.trust(tier);
        assert_eq!(scene.agent.discover(&scene.to), sees, "{tier}");
    }
    // The waiting request is still the owner's to grant; nobody is lowered by it.
    let requests = scene.host.owner(json!({ "do": "trust_requests" }));
    for request in requests.as_array().expect("a list") {
        assert_eq!(
            (&request["peer"], &request["tier"]),
            (&json!(scene.agent.peer()), &json!("known"))
        );
        scene
            .host
            .owner(json!({ "do": "trust_grant", "id": request["id"] }));
    }
    assert_eq!(scene.tier(), "privileged");
    scene.agent.unharmed();
}

#[test]
fn a_second_connect_finds_the_skills_again_and_lowers_nobody() {
    let scene = Scene::trusting(&["echo.wasm"], "internal");
    let connect = || scene.agent.ask(json!({ "do": "connect", "to": scene.to }));
    let kept = || scene.agent.ask(json!({ "do": "peers" }))["host"].clone();
    let asked = || scene.agent.letters().len();
    assert_eq!(skills(&connect()), ["echo"]);
    assert_eq!(skills(&kept()), ["echo"]);
    assert_eq!(scene.tier(), "internal", "a request lowers nothing");
    // Its card is what it was: one question, one answer.
    let (before, first) = (asked(), kept());
    assert_eq!(skills(&connect()), ["echo"]);
    assert_eq!((asked() - before, kept()), (1, first));
    let answer = scene.agent.letters().pop().expect("a letter");
    assert_eq!(answer.kind(), "capabilities");
    // It is another: the agent takes the new one.
    scene.host.place.drop_in("hostile.wasm", "hostile.wasm");
    scene.host.place.wait_for("hostile", "exposed");
    assert_eq!(skills(&connect()), ["echo", "hostile"]);
    let (before, changed) = (asked(), kept());
    assert_eq!(skills(&changed), ["echo", "hostile"]);
    assert_eq!(skills(&connect()), ["echo", "hostile"]);
    assert_eq!((asked() - before, kept()), (1, changed));
    assert_eq!(scene.tier(), "internal");
    scene.agent.unharmed();
}

#[test]
fn a_host_meets_an_agent_as_stranger_and_as_friend() {
    let scene = Scene::open(&[]);
    let connect = |tier: Value| {
        let target = scene.agent.peer();
        scene
            .host
            .owner(json!({ "do": "connect", "target": target, "tier": tier, "timeout": "60s" }))
    };
    let met = connect(Value::Null);
    assert_eq!(
        (&met["claimed_name"], &met["skills"]),
        (&json!("bob"), &json!([]))
    );
    let met = connect(json!("known"));
    assert_eq!(met["granted"], "known");
    let all = [
        "add",
        "versioned",
        "fails",
        "slow",
        "big",
        "text",
        "odd",
        "mute",
        "coloured",
    ];
    let mut seen = names(&met["skills"]);
    seen.sort();
    let mut expected = all.to_vec();
    expected.sort_unstable();
    assert_eq!(
        seen, expected,
        "neither what is for friends nor what is for nobody"
    );
    let card = |name: &str| -> Value {
        let cards = met["skills"].as_array().expect("cards");
        cards
            .iter()
            .find(|card| card["name"] == name)
            .expect("it is there")
            .clone()
    };
    assert_eq!(card("versioned")["version"], "2.0.0");
    assert_eq!(
        card("add")["input_schema"],
        json!({ "a": "int", "b": "int" })
    );
    assert_eq!(
        card("text")["description"],
        "Gibt zurück, was es bekommt: 漢字 🦀"
    );
    // What the agent calls itself and its skills is printed so that a terminal does nothing but show it.
    for words in [
        &["inspect", &scene.agent.peer()][..],
        &["peers", "show", &scene.agent.peer()],
    ] {
        let shown = scene.host.place.run(words);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let all = shown.stdout + &shown.stderr;
        let harmless =
            |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
        assert!(
            all.contains("coloured") && all.chars().all(harmless),
            "{all:?}"
        );
    }
    scene.agent_trusts(2);
    let met = connect(Value::Null);
    assert!(
        names(&met["skills"]).contains(&"internal".to_owned()),
        "{met}"
    );
    scene.agent.unharmed();
}

#[test]
fn invites_of_either_side_lead_to_the_other() {
    let mut scene = Scene::trusting(&["echo.wasm"], "known");
    // Theirs, by every command that takes one.
    let said = scene.agent.command(&["invite"]);
    let code = said
        .split_whitespace()
        .find(|word| word.starts_with("eyJ"))
        .expect("a code")
        .to_owned();
    for words in [
        &["connect", &code][..],
        &["inspect", &code],
        &["call", &code, "add", "--input", r#"{"a":2,"b":3}"#],
    ] {
        let done = scene.host.place.run(words);
        assert_eq!(done.code, 0, "{words:?}: {}", done.stderr);
    }
    let called = scene.host.place.run(&[
        "--json",
        "call",
        &code,
        "add",
        "--input",
        r#"{"a":2,"b":3}"#,
    ]);
    let reply: Value = serde_json::from_str(&called.stdout).expect("one document");
    assert_eq!(reply["result"], json!({ "sum": 5 }));
    // Ours, by theirs. Two processes that read one inbox are not for them, so the agent itself is away.
    let ours = scene.host.owner(json!({ "do": "status" }))["invite"].clone();
    let grants = scene
        .host
        .owner(json!({ "do": "invite", "grants": "known" }))["code"]
        .clone();
    for code in [ours, grants] {
        let code = code.as_str().expect("a code");
        scene.agent.away(|agent| {
            let met = agent.command(&["connect", code]);
            assert!(met.contains("echo"), "{met}");
        });
    }
    assert_eq!(scene.tier(), "known");
    scene.agent.unharmed();
}
