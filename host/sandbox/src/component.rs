//! From bytes to a component that fits the world of skills: says precisely what is wrong with one that does not.

use coworker_core::Limits;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};

use crate::bindings::{SkillFullPre, types};
use crate::ceiling::{self, GUEST};
use crate::engine::Machine;
use crate::error::{LoadError, is_of_the_machine};
use crate::journal::cut;
use crate::room::Room;

/// The longest text of the engine's that is passed on: it may quote names of the component's.
const MESSAGE: usize = 600;
/// The longest name that is passed on.
const NAME: usize = 200;
/// The most names that are passed on.
const NAMES: usize = 200;

/// The first eight bytes of a component: magic, version 13, layer 1.
const COMPONENT: [u8; 4] = [0x0d, 0x00, 0x01, 0x00];
const CORE: [u8; 4] = [0x01, 0x00, 0x00, 0x00];

/// Checks what can be seen without compiling.
pub(crate) fn inspect(wasm: &[u8]) -> Result<(), LoadError> {
    if wasm.is_empty() {
        return Err(LoadError::Empty);
    }
    if wasm.len() > Limits::COMPONENT.len() {
        return Err(LoadError::TooLarge {
            size: wasm.len() as u64,
            limit: Limits::COMPONENT,
        });
    }
    let Some((magic, rest)) = wasm.split_first_chunk::<4>() else {
        return Err(LoadError::NotWasm);
    };
    if magic != b"\0asm" {
        return Err(LoadError::NotWasm);
    }
    let Some((version, rest)) = rest.split_first_chunk::<4>() else {
        return Err(LoadError::Truncated { at: 4 });
    };
    match *version {
        COMPONENT => sections(rest),
        CORE => Err(LoadError::CoreModule),
        other => Err(LoadError::UnknownFormat(u32::from_le_bytes(other))),
    }
}

/// Walks over the sections: one that is longer than what is left means a file that was not copied to its end.
fn sections(mut rest: &[u8]) -> Result<(), LoadError> {
    let mut at = 8_u64;
    while let Some((_, after)) = rest.split_first() {
        let (size, used) = leb(after).ok_or(LoadError::Truncated { at })?;
        rest = after
            .get(used..)
            .and_then(|body| body.get(usize::try_from(size).ok()?..))
            .ok_or(LoadError::Truncated { at })?;
        at += 1 + used as u64 + u64::from(size);
    }
    Ok(())
}

/// Reads a number of variable length and how many bytes it took.
fn leb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0_u32;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Compiles a component, or takes its code from the cache, and checks that it is a skill.
pub(crate) fn compile(machine: &Machine, wasm: &[u8]) -> Result<Component, LoadError> {
    let component = Component::from_binary(&machine.engine, wasm).map_err(|error| {
        if is_of_the_machine(&error) {
            LoadError::Resources(message(&error))
        } else {
            LoadError::Invalid(message(&error))
        }
    })?;
    let kind = component.component_type();
    for (name, _) in kind.imports(&machine.engine) {
        if !ceiling::is_offered(name) {
            return Err(LoadError::UnknownImport {
                name: cut(name, NAME).to_owned(),
            });
        }
    }
    let exports = exports(&component, &machine.engine);
    if !exports.iter().any(|name| name == GUEST) {
        return Err(LoadError::WrongWorld {
            expected: GUEST,
            exports,
        });
    }
    Ok(component)
}

/// Connects a component with the host, once for all its calls.
pub(crate) fn link(
    machine: &Machine,
    component: &Component,
) -> Result<SkillFullPre<Room>, LoadError> {
    let linked: InstancePre<Room> = machine
        .linker
        .instantiate_pre(component)
        .map_err(|error| LoadError::Mismatch(message(&error)))?;
    check_guest(machine, &linked)?;
    SkillFullPre::new(linked).map_err(|error| LoadError::Mismatch(message(&error)))
}

/// Checks the types of what the guest exports. The bindings would find out at each call.
fn check_guest(machine: &Machine, linked: &InstancePre<Room>) -> Result<(), LoadError> {
    let kind = linked.component().component_type();
    let instance = linked.instance_type();
    let guest = kind
        .get_export(&machine.engine, GUEST)
        .map(|found| found.ty);
    let Some(ComponentItem::ComponentInstance(guest)) = guest else {
        return Err(LoadError::Mismatch(format!("{GUEST} is not an interface")));
    };
    let function = |name: &str| match guest
        .get_export(&machine.engine, name)
        .map(|found| found.ty)
    {
        Some(ComponentItem::ComponentFunc(function)) => Ok(function),
        _ => Err(LoadError::Mismatch(format!(
            "{GUEST} has no function `{name}`"
        ))),
    };
    let refuse = |name: &'static str| {
        move |error: wasmtime::Error| {
            LoadError::Mismatch(format!(
                "`{name}` of {GUEST} has another type: {}",
                message(&error)
            ))
        }
    };
    function("describe")?
        .typecheck::<(), (Vec<types::Manifest>,)>(&instance)
        .map_err(refuse("describe"))?;
    function("invoke")?
        .typecheck::<(String, String), (Result<String, types::Failure>,)>(&instance)
        .map_err(refuse("invoke"))
}

/// Returns the names of what a component imports, sorted and bounded.
pub(crate) fn imports(component: &Component, engine: &Engine) -> Vec<String> {
    let kind = component.component_type();
    names(kind.imports(engine).map(|(name, _)| name))
}

fn exports(component: &Component, engine: &Engine) -> Vec<String> {
    let kind = component.component_type();
    names(kind.exports(engine).map(|(name, _)| name))
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = all
        .take(NAMES)
        .map(|name| cut(name, NAME).to_owned())
        .collect();
    names.sort_unstable();
    names
}

fn message(error: &wasmtime::Error) -> String {
    cut(&format!("{error:#}"), MESSAGE).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_components_are_told_apart() {
        assert!(matches!(inspect(b""), Err(LoadError::Empty)));
        assert!(matches!(inspect(b"<html>"), Err(LoadError::NotWasm)));
        assert!(matches!(inspect(b"\0as"), Err(LoadError::NotWasm)));
        assert!(matches!(
            inspect(b"\0asm\x0d"),
            Err(LoadError::Truncated { at: 4 })
        ));
        assert!(matches!(
            inspect(b"\0asm\x01\0\0\0"),
            Err(LoadError::CoreModule)
        ));
        assert!(matches!(
            inspect(b"\0asm\x0e\0\x01\0"),
            Err(LoadError::UnknownFormat(0x0001_000e))
        ));
        assert!(inspect(b"\0asm\x0d\0\x01\0").is_ok());
        assert!(inspect(b"\0asm\x0d\0\x01\0\0\x02ab").is_ok());
        assert!(matches!(
            inspect(b"\0asm\x0d\0\x01\0\0\x02ab\0\x05abc"),
            Err(LoadError::Truncated { at: 12 })
        ));
        assert!(matches!(
            inspect(b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\xff\x01"),
            Err(LoadError::Truncated { at: 8 })
        ));
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let huge = vec![0; Limits::COMPONENT.len() + 1];
        assert!(matches!(inspect(&huge), Err(LoadError::TooLarge { .. })));
    }
}
