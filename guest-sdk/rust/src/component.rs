//! The component's side of the boundary: the only export, and the imports the other modules wrap. What a skill does
//! not use is no import of its component.

use crate::{Failure, Tier, log, registry};

wit_bindgen::generate!({ path: "../../wit", world: "skill-full" });

use coworker::skill::types;
use exports::coworker::skill::guest::Guest;

struct Component;

export!(Component);

impl Guest for Component {
    fn describe() -> Vec<types::Manifest> {
        report_panics();
        registry::skills().into_iter().map(manifest).collect()
    }

    fn invoke(skill: String, input: String) -> Result<String, types::Failure> {
        report_panics();
        registry::invoke(&skill, &input).map_err(|failure| match failure {
            Failure::InvalidInput(why) => types::Failure::InvalidInput(why),
            Failure::Failed(why) => types::Failure::Failed(why),
        })
    }
}

/// A panic is a bare `unreachable` on this target: without the hook the owner would never learn where it was.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log::error(panic)));
}

fn manifest(skill: &registry::Skill) -> types::Manifest {
    types::Manifest {
        name: skill.name.to_owned(),
        version: skill.version.map(str::to_owned),
        description: skill.description.to_owned(),
        when_to_use: skill.when_to_use.map(str::to_owned),
        category: skill.category.map(str::to_owned),
        input_schema: (skill.input)(),
        output_schema: (skill.output)(),
        min_tier: match skill.min_tier {
            Tier::Untrusted => types::Tier::Untrusted,
            Tier::Known => types::Tier::Known,
            Tier::Internal => types::Tier::Internal,
            Tier::Privileged => types::Tier::Privileged,
        },
    }
}
