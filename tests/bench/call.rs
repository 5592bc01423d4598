//! What one call costs: against bare wasmtime, through all decisions without a disk, and with every request and answer
//! on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use coworker_core::{
    Catalog, Digest, Entry, Grants, Job, Limits, Prior, Sight, TaskId, Tier, Verdict, View,
    conclude, decode, encode, judge,
};
use coworker_sandbox::{Event, Sandbox, Unpaced};
use serde_json::json;
use wasmtime::component::{Component, ComponentExportIndex, ComponentType, Lift, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, UpdateDeadline,
};

use crate::Effort;
use crate::rig::{Rig, fixture, request, runtime, unpaced};
use crate::row::{Budget, Report, percentile, sorted};

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let runtime = runtime();
    let echo = fixture("echo");
    let calls = effort.times(20_000, 20);
    let (bare, ours) = runtime.block_on(side_by_side(&echo, calls));
    report.row("call.bare", bare, "µs", None, None);
    report.row(
        "call.in_process",
        ours,
        "µs",
        Some("call.bare"),
        Some(Budget::Ratio(3.0)),
    );
    for in_flight in [1, 8, 64] {
        let rate = runtime.block_on(durable(&echo, in_flight, effort));
        let budget = (in_flight == 64).then_some(Budget::AtLeast(10_000.0));
        report.row(
            &format!("call.durable.{in_flight}"),
            rate,
            "calls/s",
            None,
            budget,
        );
    }
    report.remark("limits as by default, rates unlimited");
}

/// The failure of `invoke`, as a caller without our bindings sees it.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
enum Failure {
    #[component(name = "invalid-input")]
    #[expect(dead_code, reason = "the text is there to be lifted, as the host does")]
    InvalidInput(String),
    #[component(name = "failed")]
    #[expect(dead_code, reason = "the text is there to be lifted, as the host does")]
    Failed(String),
}

/// An instance of nothing but wasmtime, under the host's configuration: pool, epochs, async, limiter.
struct Bare {
    engine: Engine,
    invoke: ComponentExportIndex,
    pre: wasmtime::component::InstancePre<StoreLimits>,
}

impl Bare {
    fn new(wasm: &[u8]) -> Self {
        let limits = Limits::default();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(64)
            .total_stacks(64)
            .total_core_instances(64 * limits.instances)
            .total_memories(128)
            .total_tables(512)
            .max_core_instances_per_component(limits.instances)
            .max_memories_per_component(2)
            .max_tables_per_component(8)
            .table_elements(1_000_000)
            .pagemap_scan(wasmtime::Enabled::Auto)
            .linear_memory_keep_resident(64 << 10)
            .table_keep_resident(16 << 10)
            .max_unused_warm_slots(16);
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .max_wasm_stack(Limits::STACK.len())
            .async_stack_size(2 << 20)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::new(&engine, wasm).expect("echo compiles");
        let guest = component.get_export_index(None, "coworker:skill/guest@0.1.0");
        let invoke = component
            .get_export_index(guest.as_ref(), "invoke")
            .expect("a skill");
        let mut linker: Linker<StoreLimits> = Linker::new(&engine);
        linker
            .define_unknown_imports_as_traps(&component)
            .expect("echo imports types only");
        let pre = linker.instantiate_pre(&component).expect("echo links");
        Self {
            engine,
            invoke,
            pre,
        }
    }

    async fn call(&self, input: &str) -> String {
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self
            .pre
            .instantiate_async(&mut store)
            .await
            .expect("echo starts");
        let invoke = instance
            .get_typed_func::<(&str, &str), (Result<String, Failure>,)>(&mut store, self.invoke)
            .expect("the world's types");
        invoke
            .call_async(&mut store, ("echo", input))
            .await
            .expect("echo answers")
            .0
            .expect("echo never fails")
    }
}

/// Measures both in turns, so that whatever the machine does meets both; returns the medians in µs.
async fn side_by_side(wasm: &[u8], calls: usize) -> (f64, f64) {
    let bare = Bare::new(wasm);
    let sandbox = Sandbox::new(
        coworker_sandbox::Config::default(),
        coworker_sandbox::Ports::default(),
    )
    .expect("a sandbox");
    let examined = sandbox.examine(wasm).expect("echo is a skill");
    let digest = Digest::of(wasm);
    let loaded = sandbox.load(digest, wasm).expect("echo loads");
    let manifest = examined.manifests.into_iter().next().expect("one skill");
    let entry =
        Entry::new(manifest, digest, Grants::default(), Limits::default()).expect("a schema");
    let catalog = Catalog::new(vec![Arc::new(entry)]);
    let input = json!({ "text": "hello" });
    let text = input.to_string();
    let (_, bytes) = request("echo", &input);
    let sight = Sight::of(Tier::Known);
    let (mut theirs, mut ours) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    for _ in 0..calls {
        let started = Instant::now();
        let output = bare.call(&text).await;
        theirs.push(started.elapsed().as_secs_f64() * 1e6);
        assert_eq!(output, text);

        let started = Instant::now();
        let answer = whole(&sandbox, &loaded, &catalog, &sight, &bytes).await;
        ours.push(started.elapsed().as_secs_f64() * 1e6);
        assert!(answer.contains("task_response"), "{answer}");
    }
    (
        percentile(&sorted(theirs), 0.5),
        percentile(&sorted(ours), 0.5),
    )
}

/// Bytes in, bytes out, with everything between but a disk.
async fn whole(
    sandbox: &Arc<Sandbox>,
    loaded: &Arc<coworker_sandbox::Loaded>,
    catalog: &Catalog,
    sight: &Sight,
    bytes: &[u8],
) -> String {
    let now = coworker_host::clock::now();
    let envelope = decode(bytes).expect("a request");
    let view = View {
        now,
        catalog,
        sight,
        prior: Prior::None,
        agent: "bench",
        wallet: None,
        limits_input: Limits::default().input,
    };
    let Verdict::Run { entry, input } = judge(&envelope, &view) else {
        panic!("the skill is visible")
    };
    let job = Job {
        digest: entry.digest,
        skill: entry.manifest.name.clone(),
        input,
        grants: entry.grants.clone(),
        limits: entry.limits,
        deadline: now.after(entry.limits.wall.0),
        task: TaskId::from_random([7; 16]),
        caller: coworker_core::CallerKey("bench".to_owned()),
    };
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    sandbox
        .call(loaded, &job, Arc::new(Unpaced), &events)
        .await
        .expect("echo answers");
    drop(events);
    let mut output = String::new();
    while let Some(event) = told.recv().await {
        if let Event::Chunk(piece) = event {
            output.push_str(&piece);
        }
    }
    let message = conclude(&entry, &output, None).expect("a valid output");
    encode(
        &envelope.reply(message, now),
        &coworker_core::Sender {
            name: "bench",
            wallet: None,
        },
    )
}

/// Returns calls per second of a whole host with so many requests in flight, from eight peers.
async fn durable(wasm: &[u8], in_flight: usize, effort: Effort) -> f64 {
    let rig = Arc::new(Rig::serve(&[("echo", wasm.to_vec())], unpaced()).await);
    let input = json!({ "text": "hello" });
    // Whatever is lazy is done once before the clock starts.
    for n in 1..9 {
        rig.call(n, "echo", &input).await.expect("an answer");
    }
    let until = Instant::now() + effort.pick(Duration::from_secs(5), Duration::from_millis(100));
    let done = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let callers: Vec<_> = (0..in_flight)
        .map(|caller| {
            let (rig, done, input) = (rig.clone(), done.clone(), input.clone());
            rig.tasks.clone().spawn(async move {
                while Instant::now() < until {
                    rig.call(1 + caller as u64 % 8, "echo", &input)
                        .await
                        .expect("an answer");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    futures::future::join_all(callers).await;
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    if let Ok(rig) = Arc::try_unwrap(rig) {
        rig.close().await;
    }
    rate
}
