//! How long a host that was killed under load needs until it serves again.

use std::time::Duration;

use crate::Effort;
use crate::rig::runtime;
use crate::row::{Budget, Report, percentile, sorted};
use crate::start::Program;

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let times = runtime().block_on(async {
        let program = Program::with_skills(1);
        program.serve_until_ready().await.stop();
        let mut times = Vec::new();
        for _ in 0..effort.times(10, 1) {
            let serving = program.serve_until_ready().await;
            let load = (0..20).map(|_| serving.try_call_self("e000"));
            let _ =
                tokio::time::timeout(Duration::from_millis(30), futures::future::join_all(load))
                    .await;
            serving.stop();
            let again = program.serve_until_ready().await;
            again.call_self("e000").await;
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
        Some(Budget::AtMost(5_000.0)),
    );
}
