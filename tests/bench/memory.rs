//! What the host holds: with a hundred skills, and after many calls.

use std::sync::Arc;

use serde_json::json;

use crate::Effort;
use crate::rig::{Rig, fixture, runtime, unpaced};
use crate::row::{Budget, Report, rss_mb};
use crate::start::Program;

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let runtime = runtime();
    let skills = effort.times(100, 2);
    let rss = runtime.block_on(async {
        let program = Program::with_skills(skills);
        program.serve_until_ready().await.stop();
        let serving = program.serve_until_ready().await;
        for n in 0..skills {
            serving.call_self(&format!("e{n:03}")).await;
        }
        let rss = rss_mb(serving.pid());
        serving.stop();
        rss
    });
    report.row("rss.100", rss, "MB", None, Some(Budget::AtMost(60.0)));
    let growth = runtime.block_on(growth(effort));
    let most = Budget::AtMost(NO_GROWTH);
    report.row("rss.growth", growth, "MB", None, Some(most));
    report.remark("limits as by default; rates unlimited for the growth");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_coworker-host"));
    let size = std::fs::metadata(program).map_or(f64::NAN, |meta| meta.len() as f64 / 1e6);
    report.row("binary.size", size, "MB", None, Some(Budget::AtMost(40.0)));
}

/// The most that counts as no growth over 100,000 calls: 52 bytes a call. Whatever a call could leave behind is more than
/// that. Its request and answer have some 400 bytes, which would be 40 MB; an id of 16 bytes in a map, with its key and the
/// map's own room, some 100, which would be 10 MB. What is left over is the allocator's: a page that one live object holds,
/// arenas of threads that had their first long call late, and the store's page cache, which may have taken up to 16 MiB and
/// is not always full after the first 30,000 calls. The figure in README.md, 1.0 MB, is all of that kind.
const NO_GROWTH: f64 = 5.0;

/// Returns how much this process grew over 100,000 calls, once it had grown to its working size.
async fn growth(effort: Effort) -> f64 {
    let rig = Arc::new(Rig::serve(&[("echo", fixture("echo"))], unpaced()).await);
    many(&rig, effort.times(30_000, 20)).await;
    let before = rss_mb(std::process::id());
    many(&rig, effort.times(100_000, 20)).await;
    let after = rss_mb(std::process::id());
    if let Ok(rig) = Arc::try_unwrap(rig) {
        rig.close().await;
    }
    after - before
}

async fn many(rig: &Arc<Rig>, calls: usize) {
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let rig = rig.clone();
            rig.tasks.clone().spawn(async move {
                for _ in 0..calls / 16 + 1 {
                    rig.call(1 + caller % 8, "echo", &json!({ "text": "hello" }))
                        .await
                        .expect("an answer");
                }
            })
        })
        .collect();
    futures::future::join_all(callers).await;
}
