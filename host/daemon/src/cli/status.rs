//! `status`: whether a host runs, and how it is.

use serde_json::Value;

use super::ui::{Colour, Ui};
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let home = context.home()?;
    let answer = reach::ask_running(context, &home, &Request::Status {})
        .await?
        .ok_or_else(|| reach::no_host(&home))?;
    context.ui.answer(&answer, |ui, answer| {
        for key in [
            "name",
            "peer",
            "transport",
            "invite",
            "home",
            "version",
            "pid",
        ] {
            ui.field(key, &show::text(answer, key));
        }
        ui.field("since", &show::at(answer, "ready_at"));
        if let Some(store) = answer.get("store").filter(|store| show::has(store, "why")) {
            let state = show::text(store, "state").replace('_', " ");
            let told = format!("{state}: {}", show::text(store, "why"));
            ui.field("store", &ui.paint(Colour::Bad, &told));
            if show::has(store, "hint") {
                ui.field("", &show::text(store, "hint"));
            }
        }
        if let Some(xmtp) = answer.get("xmtp").filter(|xmtp| xmtp.is_object()) {
            bridge(ui, xmtp, answer.get("node"));
        }
        for model in show::list(answer, "models") {
            let state = if show::has(model, "missing") {
                show::text(model, "missing")
            } else {
                show::text(model, "key")
            };
            let name = show::text(model, "name");
            ui.field(
                "model",
                &format!("{name}: {}, {state}", show::text(model, "model")),
            );
        }
        ui.field("skills", &counts(answer.get("skills")));
        ui.field("tasks", &counts(answer.get("tasks")));
        ui.field("outbox", &counts(answer.get("outbox")));
        ui.field("peers", &show::text(answer, "peers"));
        ui.field("requests", &show::text(answer, "trust_requests"));
        ui.field("turned away", &counts(answer.get("turned_away")));
        for row in show::list(answer, "poison") {
            let (message, peer) = (show::text(row, "message"), show::text(row, "peer"));
            let told = if row.get("refused") == Some(&Value::Bool(true)) {
                "the host died of it twice, and does not handle it any more"
            } else {
                "the host died while it handled it"
            };
            ui.field("poison", &format!("{message} of {peer}: {told}"));
        }
        if answer.get("barred").and_then(Value::as_u64).unwrap_or(0) > 0 {
            let lost = format!(
                "{}: see `coworker-host guard`",
                show::text(answer, "barred")
            );
            ui.field("skills lost", &lost);
        }
    });
    Ok(())
}

/// Shows how the way to the network is.
fn bridge(ui: &Ui, xmtp: &Value, node: Option<&Value>) {
    let state = show::text(xmtp, "state").replace('_', " ");
    let told = if show::has(xmtp, "why") {
        format!("{state}: {}", show::text(xmtp, "why"))
    } else {
        state
    };
    ui.field("xmtp", &format!("{}, {told}", show::text(xmtp, "env")));
    if show::has(xmtp, "hint") {
        ui.field("", &show::text(xmtp, "hint"));
    }
    let passed_over = xmtp.get("passed_over").and_then(Value::as_object);
    let is_any = |count: &Value| count.as_u64() > Some(0);
    if passed_over.is_some_and(|passed_over| passed_over.values().any(is_any)) {
        ui.field("passed over", &counts(xmtp.get("passed_over")));
    }
    if xmtp.get("unread").is_some_and(is_any) {
        let told = format!(
            "{} conversations cannot be read",
            show::text(xmtp, "unread")
        );
        ui.field("", &told);
    }
    ui.field("wallet", &show::text(xmtp, "wallet"));
    if let Some(node) = node.filter(|node| node.is_object()) {
        let whose = if node.get("ours").and_then(Value::as_bool) == Some(true) {
            "run by this host".to_owned()
        } else if show::has(node, "pid") {
            format!("run by process {}", show::text(node, "pid"))
        } else {
            "somebody else's".to_owned()
        };
        ui.field("node", &format!("{}, {whose}", show::text(node, "url")));
    }
}

/// Returns `3 exposed, 1 hidden` for an object of counts.
fn counts(value: Option<&Value>) -> String {
    let Some(counts) = value.and_then(Value::as_object) else {
        return String::new();
    };
    let parts: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{} {}", show::plain(count), crate::report::printable(what)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}
