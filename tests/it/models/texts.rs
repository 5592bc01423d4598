//! A skill that is a SKILL.md and no code.

use super::*;

#[test]
fn a_text_answers_a_peer_and_stays_home() {
    let place = scripted(
        "[[rule]]\nanswer = \"Boil it.\"\n",
        "price_in = 1.0\nprice_out = 2.0\n",
    );
    let (serving, peer) = start(&place);
    let answer = peer.call("soup", json!({ "input": "leek", "system": "obey" }));
    assert_eq!(
        answer,
        json!({ "success": true, "result": { "result": "Boil it." } })
    );
    let task = newest(&place, "soup");
    assert_eq!(
        (&task["version"], &task["outcome"]),
        (&json!("2.0"), &json!("OK"))
    );
    assert!(task["digest"].is_string());
    let used = &task["used"];
    assert_eq!(
        used["output_bytes"],
        r#"{"result":"Boil it."}"#.len(),
        "{used}"
    );
    assert_eq!(
        (&used["model_calls"], &used["model"]),
        (&json!(1), &json!("script"))
    );
    assert!(
        used["tokens_in"].as_u64().is_some_and(|count| count > 10),
        "{used}"
    );
    assert!(
        used["cost"].as_f64().is_some_and(|cost| cost > 0.0),
        "{used}"
    );
    let card = peer
        .ask("skill_card_query", json!({ "skill": "soup" }))
        .payload()
        .to_string();
    assert!(
        card.contains("Knows soups.") && !card.contains("saffron"),
        "{card}"
    );
    // Nobody else is let in, and a stranger sees nothing.
    let stranger = place.stranger(&serving);
    let refused = stranger.call("soup", json!({ "input": "leek" }));
    assert_eq!(
        refused,
        json!({ "success": false, "error": "Unknown skill: soup" })
    );
}

#[test]
fn arguments_and_outputs_are_kept_to_their_schemas() {
    let head = "---\nname: soup\ndescription: Knows soups.\narguments:\n  - name: dish\n    description: Which.\n    required: true\noutput_schema:\n  type: object\n  properties:\n    minutes: {type: integer}\n  required: [minutes]\n---\n";
    let place = place(SCRIPTED, head);
    place.write(
        "home/script.toml",
        "[[rule]]\ncontains = \"{\\\"dish\\\":\\\"leek\\\"}\"\njson = { minutes = 12 }\n[[rule]]\ncontains = \"mush\"\nanswer = \"soon\"\n[[rule]]\nrepair = true\njson = { minutes = 1 }\n",
    );
    let (_serving, peer) = start(&place);
    let answer = peer.call("soup", json!({ "dish": "leek" }));
    assert_eq!(answer["result"], json!({ "minutes": 12 }), "{answer}");
    assert_eq!(peer.call("soup", json!({}))["error_code"], "INVALID_INPUT");
    assert_eq!(
        peer.call("soup", json!({ "dish": "onion" }))["result"],
        json!({ "minutes": 1 })
    );
    assert_eq!(newest(&place, "soup")["used"]["model_calls"], 2);
}

#[test]
fn without_a_provider_there_is_no_such_skill_and_the_owner_knows_why() {
    let place = place("", SOUP);
    let serving = place.serve(&[]);
    let row = place.wait_for("soup", "unavailable");
    assert!(
        row["reason"]
            .as_str()
            .is_some_and(|why| why.contains("ANTHROPIC_API_KEY")),
        "{row}"
    );
    let peer = place.peer(&serving, "privileged");
    assert_eq!(
        peer.call("soup", json!({ "input": "x" })),
        json!({ "success": false, "error": "Unknown skill: soup" })
    );
    assert!(peer.discover().is_empty());
}

#[test]
fn the_owner_sees_who_answers_and_never_a_key() {
    let place = place(
        "[llm.openai]\n[llm.local]\nkind = \"ollama\"\nmodel = \"llama\"\n[llm.filed]\nkind = \"anthropic\"\nkey_file = \"key\"\n",
        SOUP,
    );
    place.write("home/key", "sk-filed-away");
    place.mode("home/key", 0o644);
    for arguments in [
        vec!["config", "check"],
        vec!["doctor"],
        vec!["--json", "config", "check"],
    ] {
        let ran = place
            .command(&arguments)
            .env("OPENAI_API_KEY", "sk-of-mine")
            .output()
            .expect("it runs");
        let seen = format!(
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        for part in ["OPENAI_API_KEY", "local", "llama", "chmod 600"] {
            assert!(seen.contains(part), "{arguments:?}: {seen}");
        }
        assert!(!seen.contains("sk-"), "{seen}");
    }
    // A budget of costs counts nothing without prices, and says so.
    place.configure_more("[budget]\nall_cost_per_day = 1\n");
    let wrong = place.run(&["doctor"]);
    assert!(
        wrong.stdout.contains("costs of filed are not counted"),
        "{}",
        wrong.stdout
    );
    place.mode("home/key", 0o600);
    let checked = place.run(&["config", "check"]);
    assert_eq!(checked.code, 0);
    assert!(!checked.stdout.contains("chmod"), "{}", checked.stdout);
}

#[test]
fn what_was_used_is_added_up_and_given_out() {
    let place = scripted(
        "[[rule]]\nanswer = \"Boil it.\"\ntokens_in = 1000\ntokens_out = 10\n",
        "price_in = 1.0\nprice_out = 10.0\n",
    );
    let (_serving, peer) = start(&place);
    for _ in 0..3 {
        assert_eq!(
            peer.call("soup", json!({ "input": "leek" }))["success"],
            true
        );
    }
    for (by, key) in [("skill", "soup".to_owned()), ("peer", peer.id.to_string())] {
        let rows = place.owner(json!({ "do": "usage", "by": by }));
        let row = &rows[0];
        assert_eq!(row["key"], key);
        assert_eq!(
            (
                &row["calls"],
                &row["model_calls"],
                &row["tokens_in"],
                &row["tokens_out"]
            ),
            (&json!(3), &json!(3), &json!(3_000), &json!(30))
        );
        assert!(
            (row["cost"].as_f64().expect("a number") - 0.0033).abs() < 1e-9,
            "{row}"
        );
    }
    let csv = place.run(&["usage", "--by", "skill", "--csv"]).stdout;
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .is_some_and(|head| head.ends_with("tokens_in,tokens_out,cost,unpriced"))
    );
    assert!(
        lines
            .next()
            .is_some_and(|row| row.starts_with("soup,3,0,") && row.ends_with(",3000,30,0.0033,0")),
        "{csv}"
    );
    assert!(
        place
            .run(&["usage", "--by", "day"])
            .stdout
            .contains("TOKENS IN")
    );
}

#[test]
fn a_sum_says_what_it_is_without() {
    let free = "price_in = 1.0\nprice_out = 10.0\n[llm.free]\nkind = \"scripted\"\nscript = \"script.toml\"\n";
    let provider = format!("{SCRIPTED}{free}");
    let place = place(
        &provider,
        &SOUP.replace("name: soup", "name: soup\nprovider: scripted"),
    );
    place.write("home/script.toml", "[[rule]]\nanswer = \"Boil it.\"\n");
    std::fs::create_dir(place.home().join("skills/stew")).expect("a folder");
    let head = SOUP.replace("name: soup", "name: stew\nprovider: free");
    place.write("home/skills/stew/SKILL.md", format!("{head}{SECRET}\n"));
    let (_serving, peer) = start(&place);
    place.wait_for("stew", "exposed");
    for skill in ["soup", "stew", "stew"] {
        let answer = peer.call(skill, json!({ "input": "leek" }));
        assert_eq!(answer["success"], true, "{answer}");
    }
    let asked = |by: &str| -> Value {
        let ran = place.command(&["usage", "--by", by, "--json"]).output();
        let ran = ran.expect("it runs");
        assert!(ran.status.success(), "{ran:?}");
        serde_json::from_slice(&ran.stdout).expect("JSON")
    };
    let cost = newest(&place, "soup")["used"]["cost"].clone();
    assert!(cost.as_f64() > Some(0.0), "{cost}");
    let rows = asked("skill");
    let of = |skill: &str| {
        let rows = rows.as_array().expect("rows");
        let row = rows.iter().find(|row| row["key"] == skill);
        let row = row.unwrap_or_else(|| panic!("{rows:?}"));
        (row["cost"].clone(), row["unpriced"].clone())
    };
    assert_eq!(of("soup"), (cost.clone(), json!(0)));
    assert_eq!(of("stew"), (Value::Null, json!(2)));
    let rows = asked("peer");
    let row = &rows[0];
    assert_eq!(
        (&row["cost"], &row["unpriced"]),
        (&cost, &json!(2)),
        "{rows}"
    );
    let seen = place.run(&["usage", "--by", "peer"]).stdout;
    assert!(seen.contains("and 2 without a price"), "{seen}");
}

#[test]
fn a_revocation_ends_a_question_and_a_restart_asks_once_more() {
    let place = scripted("[[rule]]\ndelay = \"10m\"\nanswer = \"late\"\n", "");
    let (serving, peer) = start(&place);
    peer.say(
        "task_request",
        json!({ "skill": "soup", "input": { "input": "leek" } }),
    );
    let running = || {
        let row = place.tasks().into_iter().find(|row| row["skill"] == "soup");
        row.filter(|row| row["state"] == "running")
    };
    crate::peer::until("the model is asked", running);
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    place.settled();
    assert_eq!(newest(&place, "soup")["outcome"], "CANCELLED");
    // What the model was asked is owed all the same.
    let billed = || Some(newest(&place, "soup")["used"]["model_calls"] == 1).filter(|is| *is);
    crate::peer::until("the question is on the bill", billed);
    // Killed while it waits, it is asked again at most once.
    place.set_tier(&peer, "untrusted");
    place.owner(json!({ "do": "trust_set", "peer": peer.id, "tier": "known" }));
    let correlation = peer.say(
        "task_request",
        json!({ "skill": "soup", "input": { "input": "onion" } }),
    );
    crate::peer::until("the model is asked", running);
    drop(serving);
    let serving = place.serve(&[]);
    crate::peer::until("the model is asked again", running);
    assert_eq!(newest(&place, "soup")["attempts"], 2);
    drop(serving);
    let serving = place.serve(&[]);
    let answer = peer.answer(&correlation).payload();
    assert_eq!(answer["error_code"], "INTERRUPTED");
    // It was there at each of these deaths, and caused none of them.
    peer.say(
        "task_request",
        json!({ "skill": "soup", "input": { "input": "pea" } }),
    );
    crate::peer::until("the model is asked", running);
    drop(serving);
    let _serving = place.serve(&[]);
    place.wait_for("soup", "exposed");
}
