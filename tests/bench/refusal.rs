//! Whether the time to a refusal tells why: five classes of skills that a peer may not use, at random and many in
//! flight, compared in pairs by Welch's t. A control class with 20 µs more shows that the bench would notice.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use coworker_core::{Digest, Tier};
use coworker_host::control::Request;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::Effort;
use crate::rig::{Rig, named, runtime, unpaced};
use crate::row::{Budget, Report};

/// Beyond this, two classes can be told apart (the usual bound of leakage tests).
const BOUND: f64 = 4.5;
/// Requests in flight.
const IN_FLIGHT: usize = 32;
/// What the control class has more.
const INJECTED_US: f64 = 20.0;
const CLASSES: [(&str, &str); 5] = [
    ("absent", "none"),
    ("hidden", "hide"),
    ("pending", "pend"),
    ("too low", "high"),
    ("unavailable", "dead"),
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
    let rounds = effort.times(20_000, 4);
    let (before, after) = runtime().block_on(measure(&ready, rounds, effort.times(5_000, 4)));
    let names: Vec<&str> = CLASSES.iter().map(|class| class.0).collect();
    let (first, why) = worst(&before, &names);
    let (second, why_after) = worst(&after, &names);
    let control: Vec<f64> = before[0]
        .iter()
        .map(|sample| sample + INJECTED_US)
        .collect();
    let noticed = welch(&before[1], &control).abs();
    report.row(
        "refusal.t",
        first.max(second),
        "|t|",
        None,
        Some(Budget::AtMost(BOUND)),
    );
    report.row(
        "refusal.control",
        noticed,
        "|t|",
        None,
        Some(Budget::AtLeast(BOUND)),
    );
    report.remark(&format!(
        "until ready: {first:.2} ({why}), {} a class; receipt to release: {second:.2} ({why_after}), {} a class; \
         {IN_FLIGHT} in flight, rates unlimited",
        before[0].len(),
        after[0].len(),
    ));
}

async fn measure(
    ready: &Ready,
    until_ready: usize,
    to_release: usize,
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

/// Returns a host with one skill of each class.
async fn prepare() -> Rig {
    let components = [("hide", named("hide")), ("high", named("high"))];
    let dead = named("dead");
    let deadly = [Digest::of(&dead)];
    let rig = Rig::serve_with(&components, unpaced(), &deadly, |served| {
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
            let t = welch(a, b).abs();
            if t > worst.0 {
                worst = (t, format!("{} and {}", names[i], names[j]));
            }
        }
    }
    worst
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
