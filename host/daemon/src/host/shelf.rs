//! Skills, as the owner asks for them: one door to the folder's own answers.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::Host;
use crate::control::protocol::Request;
use crate::report::Failure;
use crate::skills::{Configure, Expose};

impl Host {
    pub(super) async fn shelve(&self, request: Request) -> Result<Value, Failure> {
        let skills = &self.skills;
        match request {
            Request::SkillsList {} => value(&skills.list().await),
            Request::SkillsInspect { name, diff } => {
                value(&skills.inspect(&name, diff.as_deref()).await?)
            }
            Request::SkillsExpose { name, tier, review } => {
                value(&skills.expose(&name, Expose { tier, review }).await?)
            }
            Request::SkillsHide { name } => value(&skills.hide(&name).await?),
            Request::SkillsConfigure {
                name,
                min_tier,
                limits,
            } => value(
                &skills
                    .configure(&name, Configure { min_tier, limits })
                    .await?,
            ),
            Request::SkillsPreview { tier } => {
                Ok(json!({ "tier": tier, "skills": skills.preview(tier).await }))
            }
            Request::SkillsRollback { name } => value(&skills.rollback(&name).await?),
            Request::SkillsImport { places } => {
                let places: Vec<PathBuf> = places.into_iter().map(PathBuf::from).collect();
                value(&skills.import(&places).await?)
            }
            Request::SkillsImported {} => value(&skills.imported().await?),
            Request::SkillsForget { name } => value(&skills.forget(&name).await?),
            _ => Err(Failure::internal("this is no request about skills")),
        }
    }
}

fn value(answer: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer)
        .map_err(|error| Failure::internal("an answer cannot be written").caused_by(&error))
}
