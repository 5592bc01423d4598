//! The fixtures that no compiler writes: texts in component text format, variants of one binary, compile bombs, and
//! files that are no components.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::put;

/// Crates, by the name of their output.
const CRATES: [&str; 8] = [
    "clumsy",
    "echo",
    "fetch",
    "hostile",
    "hostile-wasi",
    "ports",
    "shape",
    "thief",
];

/// Modes of `shape`, each a component of its own.
const SHAPES: [&str; 37] = [
    "plain",
    "code",
    "description",
    "lower-tier",
    "higher-tier",
    "new-skill",
    "renamed",
    "schema",
    "version",
    "trap",
    "loop",
    "second",
    "none",
    "skills-64",
    "skills-65",
    "flood",
    "duplicate",
    "bad-name",
    "empty-name",
    "long-name",
    "unicode-name",
    "long-description",
    "control-text",
    "schema-no-json",
    "schema-no-schema",
    "schema-text",
    "schema-ref-http",
    "schema-ref-file",
    "schema-ref-absent",
    "schema-ref-loop",
    "schema-pattern",
    "schema-lookaround",
    "schema-pattern-big",
    "schema-deep",
    "schema-big",
    "name=first",
    "name=second",
];

const OTHERS: [&str; 5] = [
    "bomb-function",
    "bomb-types",
    "truncated",
    "garbage",
    "empty",
];

/// Returns the names of all outputs.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = CRATES
        .iter()
        .chain(&OTHERS)
        .map(|name| (*name).to_owned())
        .collect();
    names.extend(
        SHAPES
            .iter()
            .map(|mode| format!("shape-{}", mode.replace('=', "-"))),
    );
    names.extend(texts(folder)?);
    Ok(names)
}

fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("wat"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wat") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// Writes every fixture from what cargo built and from the texts.
pub(super) fn assemble(folder: &Path, built: &Path, out: &Path) -> Result<()> {
    for name in CRATES {
        put(
            &built.join(format!("{}.wasm", name.replace('-', "_"))),
            &out.join(format!("{name}.wasm")),
        )?;
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(out.join(format!("{name}.wasm")), bytes);
    let shape = std::fs::read(out.join("shape.wasm"))?;
    for mode in SHAPES {
        write(
            &format!("shape-{}", mode.replace('=', "-")),
            &patched(&shape, mode)?,
        )?;
    }
    for name in texts(folder)? {
        let text = std::fs::read_to_string(folder.join("wat").join(format!("{name}.wat")))?;
        write(
            &name,
            &text_to_bytes(folder, &text).with_context(|| format!("assemble {name}.wat"))?,
        )?;
    }
    write("bomb-function", &text_to_bytes(folder, &function_bomb())?)?;
    write("bomb-types", &text_to_bytes(folder, &type_bomb())?)?;
    let echo = std::fs::read(out.join("echo.wasm"))?;
    write("truncated", echo.get(..echo.len() / 2).unwrap_or_default())?;
    write("garbage", b"This is no WebAssembly.\n")?;
    Ok(write("empty", b"")?)
}

/// Replaces the mode in the data segment of `shape.wasm`.
fn patched(shape: &[u8], mode: &str) -> Result<Vec<u8>> {
    const MARK: &[u8] = b"fixture-mode:plain";
    const SIZE: usize = 64;
    let text = format!("{:SIZE$}", format!("fixture-mode:{mode}"));
    ensure!(
        text.len() == SIZE,
        "{mode:?} is too long for the 64 bytes of a mode"
    );
    let mut places = shape
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK);
    let (at, _) = places.next().context("shape.wasm holds no mode")?;
    ensure!(places.next().is_none(), "shape.wasm holds two modes");
    let mut bytes = shape.to_vec();
    bytes.splice(at..at + SIZE, text.into_bytes());
    Ok(bytes)
}

/// Completes a text by its includes and assembles it.
fn text_to_bytes(folder: &Path, text: &str) -> Result<Vec<u8>> {
    let mut whole = String::new();
    for line in text.lines() {
        match line.strip_prefix(";;include ") {
            Some(file) => whole.push_str(&std::fs::read_to_string(folder.join("wat").join(file))?),
            None => whole.push_str(line),
        }
        whole.push('\n');
    }
    Ok(wat::parse_str(&whole)?)
}

/// A function of 5,000 variables that all change in each of 2,000 nested loops: small to store, but ten million
/// values for a compiler to join.
fn function_bomb() -> String {
    const VARIABLES: usize = 5_000;
    const LOOPS: usize = 2_000;
    let mut body = format!(
        "(func $bomb (param i32)\n(local {})\n",
        "i32 ".repeat(VARIABLES)
    );
    body.push_str(&"loop\n".repeat(LOOPS));
    for variable in 1..=VARIABLES {
        let _ = writeln!(
            body,
            "local.get {variable} local.get 0 i32.add local.set {variable}"
        );
    }
    for depth in 0..LOOPS {
        let _ = writeln!(body, "local.get {} br_if 0 end", 1 + depth % VARIABLES);
    }
    body.push_str(")\n");
    component(&body, "(call $bomb (local.get 0))", "")
}

/// A type of many levels, as the parameter of one more export.
fn type_bomb() -> String {
    const LEVELS: usize = 1_000;
    let mut types = String::from("(type $t0 u8)\n");
    for level in 1..LEVELS {
        let _ = writeln!(types, "(type $t{level} (list $t{}))", level - 1);
    }
    let last = LEVELS - 1;
    let _ = writeln!(
        types,
        "(func $dig (param \"deep\" $t{last}) (canon lift (core func $core \"dig\") (memory $memory) (realloc $cabi_realloc)))\n\
         (export \"dig\" (func $dig))"
    );
    component("(func (export \"dig\") (param i32 i32))", "(nop)", &types)
}

fn component(functions: &str, invoke: &str, after: &str) -> String {
    format!(
        "(component\n(core module $module\n;;include core.inc\n{functions}\n\
         (func (export \"describe\") (result i32) (i32.const 2048))\n\
         (func (export \"invoke\") (param i32 i32 i32 i32) (result i32)\n{invoke}\n(i32.const 2312)))\n\
         (core instance $core (instantiate $module))\n;;include guest.inc\n{after})\n"
    )
}
