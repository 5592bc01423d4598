//! What `wit/` says, as Rust. Generated at build time: the world that has everything, since a component that imports
//! less links against it just the same.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "skill-full",
        imports: {
            "coworker:skill/log": trappable,
            "coworker:skill/progress": trappable,
            default: async | trappable,
        },
        exports: { default: async },
        with: {
            "coworker:skill/llm.answer": crate::imports::llm::Answer,
        },
    });
}

pub(crate) use generated::coworker::skill::{llm, log, progress, state, types};
pub(crate) use generated::{SkillFull, SkillFullPre};
