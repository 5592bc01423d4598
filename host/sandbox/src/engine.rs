//! The engines: which WebAssembly they take, and how they hand out memory.
//!
//! Two engines of one configuration: the pooled one hands out prepared slots, the roomy one maps memory per call and
//! takes what does not fit a slot. They compile to the same code and share the disk cache.

use coworker_core::Limits;
use wasmtime::component::Linker;
use wasmtime::{
    Cache, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmFeatures,
};

use crate::bindings::SkillFull;
use crate::error::SandboxError;
use crate::room::{HasRoom, Room};

/// The proposals that are switched on. All others are off, also those that a later engine would switch on by default:
/// a new one is new machinery that hostile code may try.
///
/// Several memories are on since components that are composed of others have them; the limiter counts them together.
/// Threads stay off since shared memories escape the limiter; 64-bit memories since they double the checks; exceptions,
/// garbage collection and stack switching since no skill toolchain needs them yet.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Guest frames and, above them, those of host functions: WASI and HTTP need room of their own.
const FIBER_STACK: usize = 2 << 20;

/// The largest table that a pooled slot holds. Reserved addresses, not memory.
const POOLED_TABLE: usize = 1_000_000;

/// An engine with everything that a component may import.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Room>,
}

impl Machine {
    /// Returns an engine that maps memory per call.
    pub(crate) fn roomy(cache: Option<Cache>) -> Result<Self, SandboxError> {
        Self::new(&config(cache)).map_err(refuse)
    }

    /// Returns an engine with prepared slots for so many guests.
    pub(crate) fn pooled(cache: Option<Cache>, live: u32) -> Result<Self, SandboxError> {
        let limits = Limits::default();
        let mut pool = PoolingAllocationConfig::new();
        // A slot is reserved addresses until it is used: 4 GiB each, which leaves out bounds checks.
        pool.total_component_instances(live)
            .total_stacks(live)
            .total_core_instances(live.saturating_mul(limits.instances))
            .total_memories(live.saturating_mul(2).max(limits.memories))
            .total_tables(live.saturating_mul(8).max(limits.instances))
            .max_core_instances_per_component(limits.instances)
            .max_memories_per_component(2)
            .max_tables_per_component(8)
            .table_elements(POOLED_TABLE)
            // What a slot keeps between calls is reset by hand: giving pages back interrupts every other processor, and
            // taking them again faults. Where the kernel can tell, only the pages that a guest wrote are reset.
            .pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(64 << 10)
            .table_keep_resident(16 << 10)
            .max_unused_warm_slots(16);
        let mut config = config(cache);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Self::new(&config).map_err(refuse)
    }

    fn new(config: &Config) -> wasmtime::Result<Self> {
        let engine = Engine::new(config)?;
        let mut linker = Linker::new(&engine);
        crate::wasi::link::add_to_linker(&mut linker)?;
        SkillFull::add_to_linker::<Room, HasRoom>(&mut linker, |room| room)?;
        Ok(Self { engine, linker })
    }
}

fn refuse(error: wasmtime::Error) -> SandboxError {
    SandboxError::Engine(format!("{error:#}"))
}

fn config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(!FEATURES, false)
        .wasm_features(FEATURES, true)
        .epoch_interruption(true)
        .max_wasm_stack(Limits::STACK.len())
        .async_stack_size(FIBER_STACK)
        .cache(cache);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_are_exactly_these() {
        let mut names: Vec<_> = FEATURES.iter_names().map(|(name, _)| name).collect();
        names.sort_unstable();
        insta::assert_snapshot!(names.join("\n"), @"
        BULK_MEMORY
        COMPONENT_MODEL
        EXTENDED_CONST
        FLOATS
        MULTI_MEMORY
        MULTI_VALUE
        MUTABLE_GLOBAL
        REFERENCE_TYPES
        SATURATING_FLOAT_TO_INT
        SIGN_EXTENSION
        SIMD
        ");
    }

    #[test]
    fn what_is_not_listed_is_off() {
        let engine = Engine::new(&config(None)).expect("the configuration is consistent");
        let module = |sections: &[u8]| {
            let bytes = [b"\0asm\x01\0\0\0", sections].concat();
            wasmtime::Module::from_binary(&engine, &bytes)
        };
        module(b"\x05\x03\x01\x00\x01").expect("one plain memory");
        for (what, sections) in [
            ("a shared memory", &b"\x05\x04\x01\x03\x01\x01"[..]),
            ("a 64-bit memory", b"\x05\x03\x01\x04\x01"),
            (
                "a tag of exceptions",
                b"\x01\x04\x01\x60\x00\x00\x0d\x03\x01\x00\x00",
            ),
        ] {
            assert!(module(sections).is_err(), "{what} must be refused");
        }
    }
}
