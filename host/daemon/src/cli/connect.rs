//! `connect`: meet a peer, and ask to be trusted.

use clap::Args;
use coworker_core::{Span, Tier};

use super::{Context, inspect, reach, show, trust};
use crate::control::Request;
use crate::report::Failure;

/// Whom to meet.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// An invite, or a peer's id or name
    #[arg(value_name = "INVITE|PEER")]
    target: String,
    /// The name to give it
    #[arg(long)]
    name: Option<String>,
    /// The tier to ask its owner for
    #[arg(long, default_value = "known", conflicts_with = "no_request")]
    tier: Tier,
    /// Ask for no trust, only look
    #[arg(long)]
    no_request: bool,
    /// What to tell its owner
    #[arg(long)]
    reason: Option<String>,
    /// How long to wait for each answer, as in 30s
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let request = Request::Connect {
        target: options.target,
        name: options.name,
        tier: (!options.no_request).then_some(options.tier),
        reason: options.reason,
        timeout: options.timeout,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, |ui, answer| {
        ui.line(&format!(
            "met {}, {}",
            show::called(answer),
            show::text(answer, "peer")
        ));
        if show::has(answer, "granted") {
            ui.line(&format!(
                "{} trusts you as {}",
                trust::who(answer),
                show::text(answer, "granted")
            ));
        } else if show::has(answer, "reason") {
            ui.line(&format!(
                "it does not trust you yet: {}",
                show::text(answer, "reason")
            ));
        }
        inspect::cards(ui, show::list(answer, "skills"));
    });
    Ok(())
}
