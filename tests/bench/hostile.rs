//! What others notice of a peer that sends as fast as it can, of a hundred names that cost nothing, and of guests that
//! never end: the p99 of a quiet peer's calls, against the same host left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coworker_host::config::Config;
use serde_json::json;

use crate::Effort;
use crate::rig::{Rig, fixture, request, runtime};
use crate::row::{Budget, Report, percentile, sorted};

/// The quiet peer, the one that floods, and the one whose calls never end.
const QUIET: u64 = 1;
const FLOOD: u64 = 2;
const ENDLESS: u64 = 3;

pub(crate) fn run(report: &mut Report, effort: Effort) {
    runtime().block_on(measure(report, effort));
}

/// How many times a host is left alone and then attacked, so that whatever the machine does meets both.
const ROUNDS: usize = 5;

async fn measure(report: &mut Report, effort: Effort) {
    let (mut alone, mut crowded) = (Vec::new(), Vec::new());
    let mut used = 0.0_f64;
    for _ in 0..effort.times(ROUNDS, 1) {
        used = used.max(round(effort, &mut alone, &mut crowded).await);
    }
    let (alone, crowded) = (sorted(alone), sorted(crowded));
    for (name, times) in [("quiet", &alone), ("crowded", &crowded)] {
        for (quantile, at) in [("p50", 0.5), ("p99", 0.99)] {
            let name = format!("hostile.{name}.{quantile}");
            report.row(&name, percentile(times, at), "ms", None, None);
        }
    }
    report.row(
        "hostile.p99",
        percentile(&crowded, 0.99) / percentile(&alone, 0.99),
        "ratio",
        None,
        Some(Budget::AtMost(2.0)),
    );
    report.row(
        "hostile.disk",
        used,
        "MB",
        None,
        Some(Budget::AtMost(200.0)),
    );
    report.remark("one peer sends as fast as its connection takes it, one runs endless loops, 100 names of tier 0 send like the first");
    report.remark("limits as by default; burst 1000 and no bucket for the quiet peer");
    report.remark(&format!(
        "{ROUNDS} hosts, each left alone and then attacked; all their calls together"
    ));
}

/// Adds the times of a host that is left alone, and then those beside the attack. Returns the size of its database, in MB.
async fn round(effort: Effort, alone: &mut Vec<f64>, crowded: &mut Vec<f64>) -> f64 {
    // The limits as they are by default, but for the quiet peer's pace, which is the bench's own.
    let mut config = Config::default();
    config.rates.internal = u32::MAX;
    config.rates.burst = 1_000;
    let components = [("echo", fixture("echo")), ("hostile", fixture("hostile"))];
    let rig = Arc::new(Rig::serve(&components, config).await);
    rig.trust(QUIET, coworker_core::Tier::Internal).await;
    let calls = effort.times(4_000 / ROUNDS, 5);
    quiet_calls(&rig, effort.times(200, 2)).await;
    alone.extend(quiet_calls(&rig, calls).await);
    let stop = Arc::new(AtomicBool::new(false));
    let attackers = attack(&rig, &stop);
    tokio::time::sleep(effort.pick(Duration::from_secs(1), Duration::from_millis(50))).await;
    crowded.extend(quiet_calls(&rig, calls).await);
    stop.store(true, Ordering::Relaxed);
    futures::future::join_all(attackers).await;
    let used = rig.host.store.used().await.expect("a size").0 as f64 / 1e6;
    if let Ok(rig) = Arc::try_unwrap(rig) {
        rig.close().await;
    }
    used
}

/// Returns the times of calls made one after the other, in ms.
async fn quiet_calls(rig: &Arc<Rig>, calls: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let started = Instant::now();
        let at = rig
            .call(QUIET, "echo", &json!({ "text": "hello" }))
            .await
            .expect("an answer");
        times.push((at - started).as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times
}

fn attack(rig: &Arc<Rig>, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut attackers = Vec::new();
    let mut attacker = |n: u64, skill: &'static str, input: serde_json::Value| {
        let (rig, stop) = (rig.clone(), stop.clone());
        attackers.push(rig.tasks.clone().spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let (_, bytes) = request(skill, &input);
                rig.flood(n, bytes).await;
            }
        }));
    };
    attacker(FLOOD, "echo", json!({ "text": "flood" }));
    for name in 1_000..1_100 {
        attacker(name, "echo", json!({ "text": "flood" }));
    }
    attacker(ENDLESS, "hostile", json!({ "mode": "loop" }));
    attackers
}
