//! The files of a new skill project, by language: the template, the SDK it builds with, and the world. Each is a path
//! inside the project and its bytes; in a text, `{{name}}` stands for the skill's name.
//!
//! A project must build wherever it lies, and the SDKs are in no registry: so each brings its own.

/// The files of one language.
pub type Files = &'static [(&'static str, &'static [u8])];

macro_rules! files {
    ($($to:literal = $from:literal),+ $(,)?) => { &[$(($to, include_bytes!($from))),+] };
}

/// `--lang rust`.
pub const RUST: Files = files![
    "Cargo.toml" = "rust/Cargo.toml",
    "README.md" = "rust/README.md",
    "src/lib.rs" = "rust/src/lib.rs",
    ".cargo/config.toml" = "rust/.cargo/config.toml",
    ".gitignore" = "rust/gitignore",
    "wit/skill.wit" = "../../wit/skill.wit",
    ".coworker-sdk/rust/Cargo.toml" = "../rust/Cargo.toml",
    ".coworker-sdk/rust/src/lib.rs" = "../rust/src/lib.rs",
    ".coworker-sdk/rust/src/component.rs" = "../rust/src/component.rs",
    ".coworker-sdk/rust/src/failure.rs" = "../rust/src/failure.rs",
    ".coworker-sdk/rust/src/heap.rs" = "../rust/src/heap.rs",
    ".coworker-sdk/rust/src/llm.rs" = "../rust/src/llm.rs",
    ".coworker-sdk/rust/src/log.rs" = "../rust/src/log.rs",
    ".coworker-sdk/rust/src/progress.rs" = "../rust/src/progress.rs",
    ".coworker-sdk/rust/src/registry.rs" = "../rust/src/registry.rs",
    ".coworker-sdk/rust/src/state.rs" = "../rust/src/state.rs",
    ".coworker-sdk/rust/src/testing.rs" = "../rust/src/testing.rs",
    ".coworker-sdk/rust/macros/Cargo.toml" = "../rust/macros/Cargo.toml",
    ".coworker-sdk/rust/macros/src/lib.rs" = "../rust/macros/src/lib.rs",
    ".coworker-sdk/rust/macros/src/data.rs" = "../rust/macros/src/data.rs",
    ".coworker-sdk/rust/macros/src/options.rs" = "../rust/macros/src/options.rs",
    ".coworker-sdk/rust/macros/src/skill.rs" = "../rust/macros/src/skill.rs",
    ".coworker-sdk/rust/macros/src/skill/tests.rs" = "../rust/macros/src/skill/tests.rs",
];

/// `--lang js`.
pub const JS: Files = files![
    "package.json" = "js/package.json",
    "tsconfig.json" = "js/tsconfig.json",
    "README.md" = "js/README.md",
    "src/main.ts" = "js/src/main.ts",
    "src/skills.ts" = "js/src/skills.ts",
    "test/skill.test.ts" = "js/test/skill.test.ts",
    ".gitignore" = "js/gitignore",
    "wit/skill.wit" = "../../wit/skill.wit",
    "sdk/coworker-skill.ts" = "../js/coworker-skill.ts",
    "sdk/host.d.ts" = "../js/host.d.ts",
];

/// `--lang python`.
pub const PYTHON: Files = files![
    "skill.py" = "python/skill.py",
    "test_skill.py" = "python/test_skill.py",
    "README.md" = "python/README.md",
    ".gitignore" = "python/gitignore",
    "wit/skill.wit" = "../../wit/skill.wit",
    "sdk/app.py" = "../python/app.py",
    "sdk/coworker_skill.py" = "../python/coworker_skill.py",
];

/// `--lang c`.
pub const C: Files = files![
    "skill.c" = "c/skill.c",
    "test.c" = "c/test.c",
    "Makefile" = "c/Makefile",
    "README.md" = "c/README.md",
    ".gitignore" = "c/gitignore",
    "wit/skill.wit" = "../../wit/skill.wit",
    "sdk/coworker_skill.h" = "../c/coworker_skill.h",
    "sdk/coworker_skill.c" = "../c/coworker_skill.c",
    "sdk/component.c" = "../c/component.c",
    "sdk/skill.h" = "../c/skill.h",
    "sdk/skill.c" = "../c/skill.c",
    "sdk/skill_component_type.o" = "../c/skill_component_type.o",
];
