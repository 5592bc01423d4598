//! How long it takes, after something was killed under load, until the host serves again, or until all that was asked is
//! answered.

use std::time::{Duration, Instant};

use coworker_core::Tier;

use crate::Effort;
use crate::rig::runtime;
use crate::row::{Budget, Report, percentile, sorted};
use crate::start::Program;
use crate::xmtp::network::{Member, Node, Tools, kill};

/// What everything has to come back within.
const BACK: Budget = Budget::AtMost(5_000.0);
/// The skill that is called.
const ECHO: &str = "e000";

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let times = runtime().block_on(async {
        let mut times = Vec::new();
        for _ in 0..effort.times(10, 1) {
            // A home of its own each time: what runs when a host dies three times is held back, as it should be.
            let program = Program::with_skills(1);
            program.serve_until_ready().await.stop();
            let serving = program.serve_until_ready().await;
            let load = (0..20).map(|_| serving.try_call_self(ECHO));
            let _ =
                tokio::time::timeout(Duration::from_millis(30), futures::future::join_all(load))
                    .await;
            serving.stop();
            let again = program.serve_until_ready().await;
            again.call_self(ECHO).await;
            times.push(again.ready_ms);
            again.stop();
        }
        sorted(times)
    });
    report.row(
        "recover.host",
        percentile(&times, 1.0),
        "ms",
        None,
        Some(BACK),
    );
    runtime().block_on(async {
        match Tools::find().await {
            Ok(tools) => network(report, effort, &tools).await,
            Err(missing) => report.remark(&format!(
                "recover.host.xmtp, recover.node and recover.sidecar are not measured: {missing}"
            )),
        }
    });
}

/// Two hosts on a network of which a part dies.
async fn network(report: &mut Report, effort: Effort, tools: &Tools) {
    let mut node = Node::start();
    let (ann, bob) = tokio::join!(
        Member::join(tools, &node, "ann", 1),
        Member::join(tools, &node, "bob", 0)
    );
    meet(&bob, &ann).await;
    let (mut nodes, mut sidecars, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..effort.times(6, 2) {
        nodes.push(until_answered(&bob, &ann.me, async || node.kill_and_restart()).await);
        let (ours, theirs) = tokio::join!(ann.sidecar(), bob.sidecar());
        let next = if n % 2 == 0 { ours } else { theirs };
        sidecars.push(until_answered(&bob, &ann.me, async || kill(next)).await);
    }
    for n in 0..effort.times(6, 1) {
        // A home of its own each time, as above.
        let mut eve = Member::join(tools, &node, &format!("eve-{n}"), 1).await;
        meet(&bob, &eve).await;
        let me = eve.me.clone();
        let took = until_answered(&bob, &me, async || eve.kill_and_restart().await);
        hosts.push(took.await);
    }
    for (name, times) in [
        ("recover.host.xmtp", hosts),
        ("recover.node", nodes),
        ("recover.sidecar", sidecars),
    ] {
        let times = sorted(times);
        report.row(name, percentile(&times, 1.0), "ms", None, Some(BACK));
    }
    report.remark("eight calls under way when it was killed, and one made then: until all of them were answered");
}

/// Tier 3 has no bucket; what is measured is how soon everything is back.
async fn meet(bob: &Member, other: &Member) {
    other.trust(&bob.me, Tier::Privileged).await;
    bob.meet(other).await;
    bob.call(&other.me, ECHO).await;
}

/// Returns how long after the kill all calls were answered, in ms.
async fn until_answered(bob: &Member, to: &str, kill: impl AsyncFnOnce()) -> f64 {
    let under_way = futures::future::join_all((0..8).map(|_| bob.call(to, ECHO)));
    let killed = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let at = Instant::now();
        // The one that is made then need not wait until a host is back. A node is: nothing else goes on meanwhile.
        tokio::join!(kill(), bob.call(to, ECHO));
        at
    };
    let (_, at) = tokio::join!(under_way, killed);
    at.elapsed().as_secs_f64() * 1e3
}
