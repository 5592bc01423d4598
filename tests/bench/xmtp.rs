//! What a call over XMTP costs, beside two official clients that do nothing but send texts to and fro over the same node
//! in the same run, and beside a pair of agent-coworker. The clients encrypt their databases, as our sidecar and
//! agent-coworker's bridge do; a pair that does not is measured too.

mod crowd;
pub(crate) mod network;
mod python;

use std::time::{Duration, Instant};

use coworker_core::Tier;
use serde_json::{Value, json};

use self::crowd::Crowd;
use self::network::{Client, Member, Node, Tools};
use crate::Effort;
use crate::rig::{request, runtime};
use crate::row::{Budget, Report, percentile, rss_mb, sorted};

/// The skill that is called.
const ECHO: &str = "e000";
/// The size of the clients' texts: that of a short request of ours.
const BYTES: usize = 350;
/// How many blocks both are measured in, turn by turn, so that whatever the machine does meets both.
const BLOCKS: usize = 5;
/// How many strangers there are in a flood.
const STRANGERS: usize = 50;

pub(crate) fn run(report: &mut Report, effort: Effort) {
    runtime().block_on(async {
        match Tools::find().await {
            Ok(tools) => measure(report, effort, &tools).await,
            Err(missing) => report.remark(&format!("xmtp is not measured: {missing}")),
        }
    });
}

async fn measure(report: &mut Report, effort: Effort, tools: &Tools) {
    let node = Node::start();
    let (ann, bob) = tokio::join!(
        Member::join(tools, &node, "ann", 1),
        Member::join(tools, &node, "bob", 0)
    );
    let mut pair = Pair::open(tools, &node, Some([7; 32]));
    let mut plain = Pair::open(tools, &node, None);
    let first = pair.first_contact();
    // Tier 3 has no bucket; what is measured is the way, not the pace.
    ann.trust(&bob.me, Tier::Privileged).await;
    bob.meet(&ann).await;
    for _ in 0..effort.times(10, 1) {
        bob.call(&ann.me, ECHO).await;
        pair.trips(1);
        plain.trips(1);
    }
    round_trips(report, effort, (&mut pair, &mut plain), &ann, &bob).await;
    drop(plain);
    first_contact(report, effort, tools, &node, &ann, first).await;
    sends(report, effort, &mut pair, &ann, bob).await;
    memory(report, &node, &ann, &pair).await;
    python::run(report, effort, tools, &node, &ann).await;
    drop(pair);
    flood(report, effort, tools, &node, &ann).await;
    report.remark("node, hosts, sidecars and clients are processes of one machine; the callers are tier 3, which has no bucket");
}

/// Two official clients, one of which sends back what it hears.
struct Pair {
    asks: Client,
    echoes: Client,
}

impl Pair {
    fn open(tools: &Tools, node: &Node, key: Option<[u8; 32]>) -> Self {
        let open = || Client::open(tools, node, key);
        let (asks, mut echoes) = (open(), open());
        echoes.ask(&json!({ "do": "echo" }));
        Self { asks, echoes }
    }

    fn order(&mut self, what: &str, count: usize) -> Value {
        let to = &self.echoes.inbox;
        let order = json!({ "do": what, "to": to, "count": count, "bytes": BYTES });
        self.asks.ask(&order)
    }

    /// Returns how long round trips took, in ms.
    fn trips(&mut self, count: usize) -> Vec<f64> {
        let answer = self.order("trips", count);
        let times = answer["ms"].as_array().into_iter().flatten();
        times.filter_map(Value::as_f64).collect()
    }

    /// Returns how long it takes to open a conversation and to have the first text back, in ms.
    fn first_contact(&mut self) -> f64 {
        let answer = self.order("trips", 1);
        let part = |value: &Value| value.as_f64().expect("a time");
        part(&answer["opened"]) + part(&answer["ms"][0])
    }

    /// Returns how many texts one client sends in a second, one after the other.
    fn sends(&mut self, count: usize) -> f64 {
        let answer = self.order("sends", count);
        count as f64 / answer["ms"].as_f64().expect("a time") * 1e3
    }
}

async fn round_trips(
    report: &mut Report,
    effort: Effort,
    (pair, unencrypted): (&mut Pair, &mut Pair),
    ann: &Member,
    bob: &Member,
) {
    let (mut bare, mut plain, mut hot) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.times(BLOCKS, 1) {
        bare.extend(pair.trips(effort.times(200 / BLOCKS, 3)));
        plain.extend(unencrypted.trips(effort.times(200 / BLOCKS, 3)));
        for _ in 0..effort.times(300 / BLOCKS, 3) {
            hot.push(bob.call(&ann.me, ECHO).await);
        }
    }
    let (bare, plain, hot) = (sorted(bare), sorted(plain), sorted(hot));
    report.row("xmtp.bare", percentile(&bare, 0.5), "ms", None, None);
    report.row("xmtp.bare.p95", percentile(&bare, 0.95), "ms", None, None);
    report.row(
        "xmtp.hot",
        percentile(&hot, 0.5),
        "ms",
        Some("xmtp.bare"),
        Some(Budget::Ratio(1.5)),
    );
    report.row(
        "xmtp.hot.p95",
        percentile(&hot, 0.95),
        "ms",
        Some("xmtp.bare.p95"),
        None,
    );
    let plain = percentile(&plain, 0.5);
    report.row(
        "xmtp.bare.unencrypted",
        plain,
        "ms",
        Some("xmtp.bare"),
        None,
    );
}

/// Reports the median of times in ms, against a row, and the time below which most of them lie.
fn quantiles(report: &mut Report, name: &str, times: Vec<f64>, baseline: &str) {
    let times = sorted(times);
    report.row(name, percentile(&times, 0.5), "ms", Some(baseline), None);
    report.row(
        &format!("{name}.p95"),
        percentile(&times, 0.95),
        "ms",
        None,
        None,
    );
}

/// Strangers meet a host one after the other: discover, trust, discover.
async fn first_contact(
    report: &mut Report,
    effort: Effort,
    tools: &Tools,
    node: &Node,
    ann: &Member,
    bare: f64,
) {
    let mut times = Vec::new();
    for n in 0..effort.times(7, 1) {
        let stranger = Member::join(tools, node, &format!("stranger-{n}"), 0).await;
        let started = Instant::now();
        let met = stranger.meet(ann).await;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        assert_eq!(met["granted"], "known", "{met}");
    }
    let times = sorted(times);
    report.row("xmtp.bare.first_contact", bare, "ms", None, None);
    report.row(
        "xmtp.first_contact",
        percentile(&times, 0.5),
        "ms",
        None,
        Some(Budget::AtMost(300.0)),
    );
    report.row(
        "xmtp.first_contact.max",
        percentile(&times, 1.0),
        "ms",
        None,
        None,
    );
}

/// What one host sends in a second when many calls wait, each of which is answered; and what a bare client sends.
async fn sends(report: &mut Report, effort: Effort, pair: &mut Pair, ann: &Member, bob: Member) {
    let bare = pair.sends(effort.times(300, 3));
    report.row("xmtp.bare.sends", bare, "1/s", None, None);
    let (callers, each) = (effort.times(20, 2), effort.times(30, 2));
    let started = Instant::now();
    let calls = (0..callers).map(|_| async {
        for _ in 0..each {
            bob.call(&ann.me, ECHO).await;
        }
    });
    futures::future::join_all(calls).await;
    // A call is one message each way.
    let rate = 2.0 * (callers * each) as f64 / started.elapsed().as_secs_f64();
    report.row("xmtp.sends", rate, "1/s", Some("xmtp.bare.sends"), None);
    report.remark("messages that two hosts send each other in a second, 20 calls in flight; a bare client's in one direction");
}

async fn memory(report: &mut Report, node: &Node, ann: &Member, pair: &Pair) {
    let sidecar = ann.sidecar().await;
    for (what, pid) in [
        ("node", node.pid()),
        ("host", ann.pid()),
        ("sidecar", sidecar),
        ("client", pair.asks.pid()),
    ] {
        report.row(&format!("xmtp.rss.{what}"), rss_mb(pid), "MB", None, None);
    }
}

/// A quiet peer's calls beside many clients of tier 0 that send requests as fast as their connections take them.
async fn flood(report: &mut Report, effort: Effort, tools: &Tools, node: &Node, ann: &Member) {
    let quiet = Member::join(tools, node, "quiet", 0).await;
    ann.trust(&quiet.me, Tier::Privileged).await;
    quiet.meet(ann).await;
    let calls = effort.times(300, 3);
    let alone = quiet_calls(&quiet, ann, calls).await;
    let (_, bytes) = request(ECHO, &json!({ "text": "flood" }));
    let text = String::from_utf8(bytes).expect("our own text");
    // Each one is a request of its own, so that none is answered as one that was seen.
    let text = text.replace("\"flood\"", "\"$AT\"");
    let to = ann.me.trim_start_matches("xmtp:");
    let count = effort.times(STRANGERS, 2);
    let mut crowd = Crowd::join(tools, node, count);
    // More than they can send meanwhile.
    crowd.order(&json!({ "do": "crowd", "to": to, "each": 1_000_000, "text": text }));
    tokio::time::sleep(effort.pick(Duration::from_secs(2), Duration::from_millis(50))).await;
    let crowded = quiet_calls(&quiet, ann, calls).await;
    crowd.order(&json!({ "do": "hush" }));
    let ended = crowd.hear();
    let part = |name: &str| ended[name].as_f64().expect("a number");
    let rate = part("sent") / part("ms") * 1e3;
    for (name, times) in [("quiet", &alone), ("crowded", &crowded)] {
        report.row(
            &format!("xmtp.flood.{name}.p99"),
            percentile(times, 0.99),
            "ms",
            None,
            None,
        );
    }
    report.row(
        "xmtp.flood.p99",
        percentile(&crowded, 0.99) / percentile(&alone, 0.99),
        "ratio",
        None,
        Some(Budget::AtMost(10.0)),
    );
    report.remark(&format!(
        "{count} official clients of tier 0 sent {rate:.0} requests a second meanwhile, {} in all",
        part("sent")
    ));
}

async fn quiet_calls(quiet: &Member, ann: &Member, calls: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        times.push(quiet.call(&ann.me, ECHO).await);
    }
    sorted(times)
}
