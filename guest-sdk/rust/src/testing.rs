//! Stands in for a host in native tests: calls by JSON, and what the skill logged, reported, asked and remembered.
//!
//! Every thread has its own double, so tests that run at once do not see each other.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Result, Tier, failed, llm, registry};

/// What a caller may learn of a skill.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The name callers use.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The least tier of a caller.
    pub min_tier: Tier,
    /// The input's schema.
    pub input: Value,
    /// The output's schema.
    pub output: Value,
}

/// Returns what this crate's skills say of themselves, in the order of their names.
pub fn describe() -> Vec<Manifest> {
    let parse = |schema: String| serde_json::from_str(&schema).unwrap_or(Value::Null);
    let skills = registry::skills().into_iter();
    skills
        .map(|skill| Manifest {
            name: skill.name.to_owned(),
            description: skill.description.to_owned(),
            min_tier: skill.min_tier,
            input: parse((skill.input)()),
            output: parse((skill.output)()),
        })
        .collect()
}

/// Runs a skill as a host would, but without checking the schemas.
pub fn invoke(name: &str, input: &Value) -> Result<Value> {
    let output = registry::invoke(name, &input.to_string())?;
    serde_json::from_str(&output).map_err(failed)
}

type Model = Box<dyn Fn(&llm::Request) -> std::result::Result<String, llm::Error>>;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static PROGRESS: RefCell<Vec<(Option<f32>, String)>> = const { RefCell::new(Vec::new()) };
    static STATE: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    static MODEL: RefCell<Option<Model>> = const { RefCell::new(None) };
}

/// Takes the lines logged so far on this thread, as `level: line`.
pub fn take_log() -> Vec<String> {
    LOG.take()
}

/// Takes the progress reported so far on this thread.
pub fn take_progress() -> Vec<(Option<f32>, String)> {
    PROGRESS.take()
}

/// Puts a model behind every slot, for this thread.
pub fn set_model(
    model: impl Fn(&llm::Request) -> std::result::Result<String, llm::Error> + 'static,
) {
    MODEL.set(Some(Box::new(model)));
}

/// Forgets this thread's state, as a new caller's partition would be.
pub fn clear_state() {
    STATE.take();
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn record_log(line: String) {
    LOG.with_borrow_mut(|log| log.push(line));
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn record_progress(done: Option<f32>, text: &str) {
    PROGRESS.with_borrow_mut(|progress| progress.push((done, text.to_owned())));
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn with_state<T>(f: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
    STATE.with_borrow_mut(f)
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn model_answer(request: &llm::Request) -> std::result::Result<String, llm::Error> {
    MODEL.with_borrow(|model| {
        model
            .as_ref()
            .map_or(Err(llm::Error::NoSuchSlot), |model| model(request))
    })
}
