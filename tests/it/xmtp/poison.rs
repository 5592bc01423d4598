//! A message that the host dies of, handed over by the network at every start until it is confirmed.

use std::path::Path;

use serde_json::{Value, json};

use super::fake::Faked;
use super::replay::{EVE, REPLAYER, sent_now};
use crate::peer::{envelope, until};
use crate::poison::trap;

#[test]
fn poison_message_of_the_network_is_confirmed_unjudged_the_third_time() {
    for stage in ["decode", "judge"] {
        let faked = Faked::new("");
        let mail = faked.place.path("mail");
        faked.replace(&format!(
            "const MAIL = {:?};\n{REPLAYER}",
            mail.display().to_string()
        ));
        let message = |id: &str, text: &str| {
            let text = envelope("ping", id, &json!({ "message": text }));
            format!("{}\n", sent_now(id, &text))
        };
        std::fs::write(&mail, message("bad", "poison-mark") + &message("good", "?")).expect("ours");
        let at = trap(stage);
        let dying = [("COWORKER_TEST_DIE_AT", Path::new(&at))];
        faked.place.serve_to_death(&dying);
        faked.place.serve_to_death(&dying);
        let _serving = faked.place.serve_with(&[], &dying);
        let sent = until("the good one is answered", || {
            Some(faked.noted()).filter(|all| !all.is_empty())
        });
        let told: Vec<Value> = sent
            .iter()
            .map(|frame| serde_json::from_str(frame["text"].as_str().expect("text")).expect("JSON"))
            .collect();
        assert!(
            told.iter()
                .all(|reply: &Value| reply["correlation_id"] == "good"),
            "{told:?}"
        );
        let status = faked.place.owner(json!({ "do": "status" }));
        let rows = status["poison"].as_array().expect("a list");
        assert_eq!(rows.len(), 1, "{stage}: {rows:?}");
        assert_eq!(
            (
                &rows[0]["peer"],
                &rows[0]["message"],
                &rows[0]["deaths"],
                &rows[0]["refused"]
            ),
            (
                &json!(format!("xmtp:{EVE}")),
                &json!("bad"),
                &json!(2),
                &json!(true)
            )
        );
        let bridge = faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
        assert_eq!(bridge["restarts"], 0, "{bridge}");
    }
}
