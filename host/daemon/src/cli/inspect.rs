//! `inspect`: what a peer shows us.

use clap::Args;
use coworker_core::Span;
use serde_json::Value;

use super::ui::Ui;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A name you gave, an invite, or an id
    peer: String,
    /// One skill, with its schemas
    skill: Option<String>,
    /// How long to wait, as in 30s
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let whole = options.skill.is_some();
    let request = Request::PeerInspect {
        peer: options.peer,
        skill: options.skill,
        timeout: options.timeout,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, |ui, answer| {
        ui.line(&format!(
            "{}, {}",
            show::called(answer),
            show::text(answer, "peer")
        ));
        let skills = show::list(answer, "skills");
        if whole {
            skills.iter().for_each(|card| ui.pretty(card));
        } else {
            cards(ui, skills);
        }
    });
    Ok(())
}

/// Prints cards as a peer sent them, or as peers get them.
pub(super) fn cards(ui: &Ui, cards: &[Value]) {
    if cards.is_empty() {
        ui.line("no skills to see");
        return;
    }
    let rows: Vec<Vec<String>> = cards
        .iter()
        .map(|card| {
            vec![
                show::short(card, "name", 64),
                show::short(card, "version", 16),
                words(card, "input_schema"),
                words(card, "output_schema"),
                show::short(card, "description", 72),
            ]
        })
        .collect();
    ui.table(
        &["SKILL", "VERSION", "INPUT", "OUTPUT", "DESCRIPTION"],
        &rows,
    );
}

/// Returns the words of a card's schema: `{text: str, lang: str (optional)}`.
fn words(card: &Value, key: &str) -> String {
    let Some(fields) = card.get(key).and_then(Value::as_object) else {
        return "-".to_owned();
    };
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, word)| format!("{}: {}", crate::report::printable(name), show::plain(word)))
        .collect();
    show::cut(&format!("{{{}}}", fields.join(", ")), 48)
}
