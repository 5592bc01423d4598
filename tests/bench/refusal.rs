//! Whether the time to a refusal tells why: six classes of skills that a peer may not use, at random and many in
//! flight, compared in pairs by Welch's t. A control class, one of the six with 20 µs added to each of its times, shows
//! that the bench would notice.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coworker_core::{Digest, Tier};
use coworker_host::control::Request;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::Effort;
use crate::rig::{Before, Rig, named, runtime, unpaced};
use crate::row::{Budget, Report};

/// Beyond this, two classes can be told apart (the usual bound of leakage tests).
const BOUND: f64 = 4.5;
/// Requests in flight. Each caller pauses at random before it asks again: what left together on a boundary would else
/// come together, and the wait in that queue would hide everything.
const IN_FLIGHT: usize = 24;
/// The percentiles of all times together beyond which times are left out, one after the other (1 leaves out none): a
/// difference hides in few very long times, which the machine makes.
const CROPS: [f64; 4] = [1.0, 0.99, 0.9, 0.5];
/// Larger than a processor's last cache.
const CACHES: usize = 64 << 20;
/// What the control class has more.
const INJECTED_US: f64 = 20.0;
const CLASSES: [(&str, &str); 6] = [
    ("absent", "none"),
    ("hidden", "hide"),
    ("pending", "pend"),
    ("too low", "high"),
    ("unavailable", "dead"),
    ("barred", "lost"),
];
/// Times until the reply was ready in one condition, of all classes together.
const UNTIL_READY: usize = 120_000;

/// What else the machine does.
#[derive(Clone, Copy)]
struct Condition {
    name: &'static str,
    /// A thread a processor that never rests.
    loaded: bool,
    /// A thread that empties the processors' caches again and again.
    cold: bool,
}

const CONDITIONS: [Condition; 4] = [
    Condition {
        name: "idle, hot",
        loaded: false,
        cold: false,
    },
    Condition {
        name: "idle, cold",
        loaded: false,
        cold: true,
    },
    Condition {
        name: "loaded, hot",
        loaded: true,
        cold: false,
    },
    Condition {
        name: "loaded, cold",
        loaded: true,
        cold: true,
    },
];

/// Where the host's own trace of refusals goes: by correlation id, µs from receipt until the reply was ready.
#[derive(Clone, Default)]
struct Ready(Arc<Mutex<HashMap<String, f64>>>);

#[derive(Default)]
struct Fields {
    correlation: String,
    ready_ns: Option<u64>,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "ready_ns" {
            self.ready_ns = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "correlation" {
            self.correlation = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Ready {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == coworker_host::perform::REFUSALS
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(ns) = fields.ready_ns {
            self.0
                .lock()
                .expect("no panic under the lock")
                .insert(fields.correlation, ns as f64 / 1_000.0);
        }
    }
}

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let ready = Ready::default();
    // Only this group listens; in a run of several groups the layer stays, and hears nothing more.
    let _ = tracing_subscriber::registry()
        .with(ready.clone())
        .try_init();
    let (until_ready, to_release) = (
        effort.times(UNTIL_READY / CLASSES.len(), 4),
        effort.times(5_000, 4),
    );
    let names: Vec<&str> = CLASSES.iter().map(|class| class.0).collect();
    let (mut largest, mut control) = (0.0_f64, f64::INFINITY);
    for condition in CONDITIONS {
        let (before, after) =
            runtime().block_on(measure(&ready, until_ready, to_release, condition));
        let (first, why) = worst(&before, &names);
        let (second, why_after) = worst(&after, &names);
        let slower: Vec<f64> = before[0].iter().map(|time| time + INJECTED_US).collect();
        let noticed = apart(&before[1], &slower);
        largest = largest.max(first).max(second);
        control = control.min(noticed);
        report.remark(&format!(
            "{}: until ready {first:.2} ({why}), {} a class, control {noticed:.1}; receipt to release {second:.2} \
             ({why_after}), {} a class",
            condition.name,
            before[0].len(),
            after[0].len(),
        ));
    }
    report.row(
        "refusal.t",
        largest,
        "|t|",
        None,
        Some(Budget::AtMost(BOUND)),
    );
    report.row(
        "refusal.control",
        control,
        "|t|",
        None,
        Some(Budget::AtLeast(BOUND)),
    );
    report.remark(&format!(
        "{IN_FLIGHT} in flight, rates unlimited; the control is the least of the four conditions"
    ));
}

async fn measure(
    ready: &Ready,
    until_ready: usize,
    to_release: usize,
    condition: Condition,
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let rig = Arc::new(prepare().await);
    let rounds = until_ready.max(to_release);
    // Every class equally often, in an order that nothing else in the host follows.
    let mut order: Vec<usize> = (0..rounds * CLASSES.len())
        .map(|n| n % CLASSES.len())
        .collect();
    shuffle(&mut order);
    let order = Arc::new(Mutex::new(order));
    let samples: Arc<Mutex<Vec<Vec<f64>>>> = Arc::new(Mutex::new(vec![Vec::new(); CLASSES.len()]));
    let correlations: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let others = disturb(condition, &stop);
    let callers: Vec<_> = (0..IN_FLIGHT)
        .map(|caller| {
            let (rig, order, samples, correlations) = (
                rig.clone(),
                order.clone(),
                samples.clone(),
                correlations.clone(),
            );
            rig.tasks.clone().spawn(async move {
                loop {
                    let Some(class) = order.lock().expect("no panic under the lock").pop() else {
                        return;
                    };
                    let pause = u64::from(u16::from_be_bytes(coworker_host::clock::random()));
                    tokio::time::sleep(Duration::from_micros(pause * 25_000 / (1 << 16))).await;
                    let (correlation, bytes) = crate::rig::request(CLASSES[class].1, &json!({}));
                    let answer = rig.expect(&correlation);
                    let started = Instant::now();
                    rig.send(1 + caller as u64 % 8, bytes).await;
                    let Ok(at) = answer.await else { return };
                    let took = (at - started).as_secs_f64() * 1e6;
                    samples.lock().expect("no panic under the lock")[class].push(took);
                    correlations
                        .lock()
                        .expect("no panic under the lock")
                        .push((class, correlation));
                }
            })
        })
        .collect();
    futures::future::join_all(callers).await;
    stop.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("it only computes");
    }
    let ready = ready.0.lock().expect("no panic under the lock").clone();
    let mut before = vec![Vec::new(); CLASSES.len()];
    for (class, correlation) in correlations.lock().expect("no panic under the lock").iter() {
        let sample = ready
            .get(correlation)
            .copied()
            .expect("the host traced every refusal");
        before[*class].push(sample);
    }
    let mut after = samples.lock().expect("no panic under the lock").clone();
    after
        .iter_mut()
        .for_each(|class| class.truncate(to_release));
    if let Ok(rig) = Arc::try_unwrap(rig) {
        rig.close().await;
    }
    (before, after)
}

/// Starts what else the machine does.
fn disturb(condition: Condition, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<()>> {
    let mut threads = Vec::new();
    if condition.loaded {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..processors {
            let stop = stop.clone();
            threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }));
        }
    }
    if condition.cold {
        let stop = stop.clone();
        threads.push(std::thread::spawn(move || {
            let mut memory = vec![0_u8; CACHES];
            while !stop.load(Ordering::Relaxed) {
                memory
                    .iter_mut()
                    .step_by(64)
                    .for_each(|byte| *byte = byte.wrapping_add(1));
                std::hint::black_box(&memory);
                std::thread::sleep(Duration::from_millis(25));
            }
        }));
    }
    threads
}

/// Returns a host with one skill of each class.
async fn prepare() -> Rig {
    let components = ["hide", "high", "lost"].map(|name| (name, named(name)));
    let dead = named("dead");
    let before = Before {
        deadly: vec![Digest::of(&dead)],
        lost: vec!["lost"],
    };
    let rig = Rig::serve_with(&components, unpaced(), &before, |served| {
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(served.join(name), bytes).expect("room on disk");
        };
        write("dead.wasm", &dead);
        write("pend.toml", b"[grants]\nstate = true\n");
        write("pend.wasm", &named("pend"));
    })
    .await;
    rig.ask(Request::SkillsHide {
        name: "hide".into(),
    })
    .await;
    rig.ask(Request::SkillsConfigure {
        name: "high".into(),
        min_tier: Some(Tier::Privileged),
        limits: serde_json::Map::new(),
    })
    .await;
    for (name, state) in [
        ("hide", "hidden"),
        ("high", "exposed"),
        ("dead", "unavailable"),
        ("pend", "pending"),
        ("lost", "exposed"),
    ] {
        assert_eq!(rig.until_looked_at(name).await, state, "{name}");
    }
    rig
}

/// Returns the largest |t| of all pairs, and which pair it was.
fn worst(samples: &[Vec<f64>], names: &[&str]) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for (i, a) in samples.iter().enumerate() {
        for (j, b) in samples.iter().enumerate().skip(i + 1) {
            let t = apart(a, b);
            if t > worst.0 {
                worst = (t, format!("{} and {}", names[i], names[j]));
            }
        }
    }
    worst
}

/// Returns the largest |t| of two samples, cropped at each percentile of both together.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let all = crate::row::sorted(a.iter().chain(b).copied().collect());
    let cropped = CROPS.iter().map(|crop| {
        let most = crate::row::percentile(&all, *crop);
        let keep = |times: &[f64]| -> Vec<f64> {
            times.iter().copied().filter(|time| *time <= most).collect()
        };
        welch(&keep(a), &keep(b)).abs()
    });
    cropped.fold(0.0, f64::max)
}

/// Welch's t of two samples; 0 where there is too little to say.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |samples: &[f64]| {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples
            .iter()
            .map(|sample| (sample - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0);
        (mean, variance / n)
    };
    if a.len() < 2 || b.len() < 2 {
        return 0.0;
    }
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    let error = (error_a + error_b).sqrt();
    if error == 0.0 {
        0.0
    } else {
        (mean_a - mean_b) / error
    }
}

/// Fisher and Yates, with the system's randomness.
fn shuffle(order: &mut [usize]) {
    for last in (1..order.len()).rev() {
        let random = u64::from_be_bytes(coworker_host::clock::random());
        order.swap(last, (random % (last as u64 + 1)) as usize);
    }
}
