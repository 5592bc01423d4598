//! `doctor`: what is wrong with a home, and what to do about each thing.

use serde_json::{Value, json};

use super::ui::Colour;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    // What keeps the home from being opened is the first thing that is wrong with it, and hides the rest.
    let answer = match reach::ask(context, Request::Doctor {}).await {
        Ok(answer) => answer,
        Err(failure) => {
            let mut detail = failure.what.clone();
            for cause in &failure.causes {
                detail.push_str(": ");
                detail.push_str(cause);
            }
            json!([{"check": "home", "ok": false, "detail": detail, "hint": failure.hint}])
        }
    };
    let is_ok = |row: &Value| row.get("ok").and_then(Value::as_bool) == Some(true);
    context.ui.answer(&answer, |ui, answer| {
        for row in show::rows(answer) {
            let mark = if is_ok(row) {
                ui.paint(Colour::Good, "ok   ")
            } else {
                ui.paint(Colour::Bad, "wrong")
            };
            ui.line(&format!(
                "{mark}  {:<10}  {}",
                show::text(row, "check"),
                show::text(row, "detail")
            ));
            if show::has(row, "hint") {
                ui.line(&format!("                   {}", show::text(row, "hint")));
            }
        }
    });
    match show::rows(&answer).iter().filter(|row| !is_ok(row)).count() {
        0 => Ok(()),
        wrong => Err(Failure::failed(format!(
            "{wrong} of {} checks found something",
            show::rows(&answer).len()
        ))),
    }
}
