//! One skill, laid open: what an owner reads before approving it.

use serde_json::Value;

use crate::cli::show;
use crate::cli::ui::{Colour, Ui};
use crate::report::printable;

/// Prints everything.
pub(super) fn whole(ui: &Ui, answer: &Value) {
    for key in [
        "name", "file", "state", "reason", "version", "tier", "digest", "previous",
    ] {
        if show::has(answer, key) {
            ui.field(key, &show::text(answer, key));
        }
    }
    if show::has(answer, "approved_at") {
        ui.field(
            "approved",
            &format!(
                "{} by {}",
                show::at(answer, "approved_at"),
                show::text(answer, "approved_by")
            ),
        );
    }
    if let Some(card) = answer.get("card").filter(|card| !card.is_null()) {
        heading(ui, "what callers see");
        ui.pretty(card);
    }
    if show::text(answer, "body") != "model" && show::has(answer, "imports") {
        heading(ui, "imports");
        bullets(ui, show::list(answer, "imports"), "nothing");
    }
    private(ui, answer);
    can(ui, answer);
    heading(ui, "what is granted");
    match answer.get("granted").and_then(Value::as_object) {
        Some(granted) if !granted.is_empty() => {
            granted.iter().for_each(|(key, value)| {
                ui.line(&format!("  {}: {}", printable(key), show::plain(value)));
            });
        }
        _ => ui.line("  nothing"),
    }
    if show::has(answer, "limits") {
        heading(ui, "limits of one call");
        limits(ui, answer);
    }
    changes(ui, answer);
}

/// Prints what an approval is about: what it could do, what it asks for, and what would change.
pub(in crate::cli) fn review(ui: &Ui, answer: &Value) {
    ui.field("skill", &show::text(answer, "name"));
    ui.field("file", &show::text(answer, "file"));
    ui.field("digest", &show::text(answer, "digest"));
    if let Some(card) = answer
        .get("card")
        .filter(|card| show::has(card, "description"))
    {
        ui.field("description", &show::text(card, "description"));
    }
    if show::list(answer, "together").len() > 1 {
        ui.field("approves", &show::text(answer, "together"));
    }
    private(ui, answer);
    can(ui, answer);
    changes(ui, answer);
}

/// Prints the limits of an answer that carries them.
pub(super) fn limits(ui: &Ui, answer: &Value) {
    let limits = answer
        .get("limits")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    limits.for_each(|(key, value)| ui.line(&format!("  {key:<16}{}", show::plain(value))));
}

/// Prints all that is told of private texts: where they are bound, how long they are, and how they are guarded.
fn private(ui: &Ui, answer: &Value) {
    let texts = show::list(answer, "texts");
    if !texts.is_empty() {
        heading(ui, "private texts");
    }
    for text in texts {
        let mut wishes = String::new();
        for (key, wish) in text
            .get("wish")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            wishes.push_str(&format!("  {} {}", printable(key), show::plain(wish)));
        }
        ui.line(&format!(
            "  {:<12}  {:>8} bytes  {}{wishes}",
            show::text(text, "slot"),
            show::text(text, "bytes"),
            show::cut(&show::text(text, "digest"), 12),
        ));
    }
    if let Some(guard) = answer.get("guard").filter(|_| !texts.is_empty()) {
        if show::has(guard, "mode") {
            let mode = show::text(guard, "mode");
            let done = match mode.as_str() {
                "redact" => {
                    " (a whole answer, to tier 2 and more; one that is read in pieces is held back)"
                }
                _ => "",
            };
            ui.line(&format!("  guard         {mode}{done}"));
        }
        for line in show::list(guard, "public") {
            ui.line(&format!("  may be quoted {}", show::plain(line)));
        }
    }
    let warnings = show::list(answer, "warnings");
    if !warnings.is_empty() {
        heading(ui, "to look at");
        bullets(ui, warnings, "nothing");
    }
}

/// Prints what it could do and what it asks for, and nothing where that is not known.
fn can(ui: &Ui, answer: &Value) {
    if show::has(answer, "ceiling") {
        heading(ui, "the most it could ever do");
        bullets(ui, show::list(answer, "ceiling"), "compute and answer");
    }
    if show::has(answer, "asks") {
        heading(ui, "what it asks for");
        bullets(ui, show::list(answer, "asks"), "nothing");
    }
}

/// Prints what would change, if anything was compared.
pub(in crate::cli) fn changes(ui: &Ui, answer: &Value) {
    if !show::has(answer, "changes") {
        return;
    }
    heading(ui, "what would change");
    for change in show::list(answer, "changes") {
        let waits = change.get("waits").and_then(Value::as_bool) == Some(true);
        let note = if waits {
            ui.paint(Colour::Waiting, "  (waits for you)")
        } else {
            String::new()
        };
        ui.line(&format!("  {}{note}", show::text(change, "what")));
        for (mark, key) in [("-", "from"), ("+", "to")] {
            if show::has(change, key) {
                ui.line(&format!("    {mark} {}", show::text(change, key)));
            }
        }
    }
}

fn heading(ui: &Ui, text: &str) {
    ui.line(&ui.paint(Colour::Heading, &format!("{text}:")));
}

fn bullets(ui: &Ui, items: &[Value], none: &str) {
    if items.is_empty() {
        ui.line(&format!("  {none}"));
    }
    items
        .iter()
        .for_each(|item| ui.line(&format!("  {}", show::plain(item))));
}
