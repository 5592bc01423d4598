//! `version`: this program, and what it speaks.

use serde_json::json;

use super::ui::Ui;
use crate::report::Failure;

/// The world that skills are built for.
const WORLD: &str = "coworker:skill@0.1.0";

pub(super) fn run(ui: &Ui) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let answer = json!({"version": version, "world": WORLD});
    ui.answer(&answer, |ui, _| {
        ui.line(&format!("coworker-host {version}"));
        ui.line(&format!("skills of the world {WORLD}"));
    });
    Ok(())
}
