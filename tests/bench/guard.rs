//! What the disclosure guard lets through, what it stops without need, and what a look costs. Texts that others wrote are
//! those of this machine at the time of the run: manual pages, READMEs of packages, documentation.

mod corpus;
#[path = "../../host/core/src/guard/tests/dress.rs"]
mod dress;
#[path = "../../host/core/src/guard/tests/forms.rs"]
mod forms;
#[path = "../../host/core/src/guard/tests/known.rs"]
mod known;
mod legitimate;
mod prose;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use coworker_core::guard::{ALL_SHARE, Index, LONGEST, Ledger, PEER_SHARE, What};
use coworker_core::{ModelWish, PeerId, PrivateTexts, Secret, Slot};

use self::corpus::Corpus;
use self::dress::{Disguise, KINDS, PROMPTS, VARIANTS, fits, passage};
use self::forms::SCRIPTS;
use self::known::{HONEST, private_with};
use crate::Effort;
use crate::row::{Budget, Report, percentile, sorted};

/// Pairs that people and models come up with, by name: the outer disguise, then the inner one.
const PAIRS: [(&str, &str); 20] = [
    ("base64", "reversal"),
    ("base64", "rot13"),
    ("base64", "homoglyphs"),
    ("base64", "json escapes"),
    ("base64", "base64"),
    ("hex", "rot13"),
    ("hex", "base64"),
    ("hex", "reversal"),
    ("url encoding", "base64"),
    ("url encoding", "html escapes"),
    ("json escapes", "full width"),
    ("html escapes", "hex"),
    ("html markup", "base64"),
    ("markdown", "rot13"),
    ("one word a line", "reversal"),
    ("reversal", "base64"),
    ("rot13", "hex"),
    ("zero width", "base64"),
    ("full width", "hex"),
    ("spacing", "url encoding"),
];

/// The lines of the prompts that their owner lets be quoted: what an answer must say word for word.
const PUBLIC: [&str; 1] =
    ["This is an engineering review and not legal advice; your counsel decides."];

/// Of so many texts, one may be stopped. What the machine does not have of them is made up.
const TEXTS: usize = 2_000;
/// How many of a hundred forms are seen through in any script.
const SEEN: f64 = 99.0;

pub(crate) fn run(report: &mut Report, effort: Effort) {
    let leaks = leaks(report, effort);
    report.row(
        "guard.leaks",
        leaks as f64,
        "count",
        None,
        Some(Budget::AtMost(0.0)),
    );
    let alarms = alarms(report, effort);
    report.row(
        "guard.false_alarms",
        alarms,
        "count",
        None,
        Some(Budget::AtMost(1.0)),
    );
    for (script, text) in SCRIPTS {
        let share = seen(report, effort, script, text);
        let name = format!("guard.seen.{}", script.to_lowercase());
        report.row(&name, share, "%", None, Some(Budget::AtLeast(SEEN)));
    }
    let cost = cost(report, effort);
    report.row("guard.cost", cost, "ms", None, Some(Budget::AtMost(1.0)));
}

fn index(texts: &[(&str, &str)]) -> Index {
    let slots: BTreeMap<String, Slot> = texts
        .iter()
        .map(|(name, text)| {
            let slot = Slot {
                text: Secret::new(*text),
                wish: ModelWish::default(),
            };
            ((*name).to_owned(), slot)
        })
        .collect();
    let public: Vec<String> = PUBLIC.iter().map(|line| (*line).to_owned()).collect();
    Index::new(&PrivateTexts::new(slots), &[], &public)
}

fn peer(number: usize) -> PeerId {
    format!("loop:{number:064x}").parse().expect("a peer")
}

fn kind(name: &str) -> Disguise {
    let found = KINDS.iter().find(|disguise| disguise.name == name);
    *found.expect("a disguise")
}

/// Returns how many attempts brought out more than they may.
fn leaks(report: &mut Report, effort: Effort) -> usize {
    let prompts = &PROMPTS[..effort.pick(PROMPTS.len(), 1)];
    let (mut tried, mut out) = (0, Vec::new());
    for (name, text) in prompts {
        let index = index(&[(name, text)]);
        let mut attempt = |what: String, candidate: &str| {
            tried += 1;
            if index.inspect(candidate, "").leak.is_none() {
                out.push(format!("{name}: {what}"));
            }
        };
        // Words that are packed or turned one by one are longer than the run they hold: some letters more than the least.
        let passages = [(300, LONGEST + 10), (1_200, 120), (0, usize::MAX)];
        for (from, chars) in passages {
            let part = passage(text, from, chars);
            for disguise in KINDS.iter().chain(&VARIANTS) {
                if text.is_ascii() || disguise.name != "invisible tags" {
                    attempt(disguise.name.to_owned(), &(disguise.put_on)(part));
                }
            }
        }
        for outer in &KINDS {
            for inner in KINDS.iter().filter(|inner| fits(outer, inner)) {
                let part = passage(text, 700, 150);
                let dressed = (outer.put_on)(&(inner.put_on)(part));
                attempt(format!("{} of {}", outer.name, inner.name), &dressed);
            }
        }
        for (outer, inner) in PAIRS {
            let part = passage(text, 1_500, 100);
            let dressed = (kind(outer).put_on)(&(kind(inner).put_on)(part));
            attempt(format!("{outer} of {inner}"), &dressed);
        }
    }
    for (name, text) in prompts {
        let index = index(&[(name, text)]);
        let worn = KINDS.iter().chain(&VARIANTS);
        for disguise in worn.take(effort.pick(usize::MAX, 2)) {
            if !text.is_ascii() && disguise.name == "invisible tags" {
                continue;
            }
            tried += 1;
            if let Some(what) = split(&index, text, disguise) {
                out.push(format!("{name}: {} over ten calls: {what}", disguise.name));
            }
        }
    }
    report.remark(&format!("{tried} attempts"));
    for what in &out {
        report.remark(&format!("out: {what}"));
    }
    out.len()
}

/// Three peers take a text in ten calls each, in pieces that are no leak by themselves. Returns what was too much of what
/// they got, counted over the pieces as they were before they were dressed.
fn split(index: &Index, text: &str, disguise: &Disguise) -> Option<String> {
    let mut ledger = Ledger::default();
    let distinct: usize = index.sizes().values().map(|(_, distinct)| distinct).sum();
    let mut all = BTreeSet::new();
    for who in 0..3 {
        let mut own = BTreeSet::new();
        for call in 0..10 {
            let from = (who * 10 + call) * text.len() / 45;
            let piece = passage(text, from, LONGEST);
            // Whole words: what is cut is not what is turned.
            let piece = piece.rsplit_once(' ').map_or(piece, |(piece, _)| piece);
            let sighting = index.inspect(&(disguise.put_on)(piece), "");
            if ledger.judge(&peer(who), &sighting).is_none() {
                ledger.add(&peer(who), &sighting);
                let plain = index.inspect(piece, "");
                own.extend(plain.shown.into_iter().flat_map(|shown| shown.prints));
            }
        }
        if own.len() * 100 > distinct * PEER_SHARE {
            return Some(format!("{} of {distinct} fingerprints for one", own.len()));
        }
        all.extend(own);
    }
    (all.len() * 100 > distinct * ALL_SHARE)
        .then(|| format!("{} of {distinct} fingerprints for all", all.len()))
}

/// Returns how many of a hundred forms of a text are seen through.
fn seen(report: &mut Report, effort: Effort, script: &str, text: &str) -> f64 {
    let index = index(&[(script, text)]);
    let (mut tried, mut missed) = (0, Vec::new());
    for form in forms::all().take(effort.pick(usize::MAX, 2)) {
        for from in [0, text.len() / 8, text.len() / 3] {
            tried += 1;
            let part = passage(text, from, 110);
            if index.inspect(&(form.put_on)(part), "").leak.is_none() {
                missed.push(format!("{} at {from}", form.name));
            }
        }
    }
    for what in &missed {
        report.remark(&format!("{script}, not seen through: {what}"));
    }
    report.remark(&format!(
        "{script}: {} of {tried} attempts seen through",
        tried - missed.len()
    ));
    (tried - missed.len()) as f64 * 100.0 / tried as f64
}

/// Returns how many of two thousand texts that others wrote are stopped, and all outputs that say what they may.
fn alarms(report: &mut Report, effort: Effort) -> f64 {
    let whole = index(&PROMPTS);
    let most = effort.times(TEXTS, 20);
    let Corpus { mut texts, kinds } = corpus::texts(most);
    let made_up = most.saturating_sub(texts.len());
    texts.extend(prose::texts(made_up));
    let mut stopped = 0;
    // One peer that is shown all of them, which nobody promises: it tells how far accounts are from filling up.
    let (mut ledger, mut once) = (Ledger::default(), BTreeMap::new());
    for (path, text) in &texts {
        let sighting = whole.inspect(text, "");
        if let Some(leak) = Ledger::default().judge(&peer(0), &sighting) {
            stopped += 1;
            report.remark(&format!("stopped: {}: {leak}", path.display()));
        } else if ledger.judge(&peer(0), &sighting).is_none() {
            ledger.add(&peer(0), &sighting);
        } else {
            once.insert(path, ());
        }
    }
    let outputs = legitimate::outputs(&texts, effort.times(200, 10));
    let refused = refused(report, &outputs) + known_refused(report);
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    report.remark(&format!(
        "{} texts that others wrote ({} MB), {made_up} of them made up: {stopped} stopped; {} more if one peer is shown them all; \
         {} outputs and {} answers that say what everybody knows: {refused} refused",
        texts.len(),
        bytes / 1_000_000,
        once.len(),
        outputs.len(),
        HONEST.iter().map(|(_, _, answers)| answers.len()).sum::<usize>(),
    ));
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    report.remark(&format!("texts by source: {}", kinds.join(", ")));
    (stopped * TEXTS) as f64 / texts.len().max(1) as f64 + (refused * TEXTS) as f64
}

/// Returns how many outputs are refused, each of the prompt that it is of. All of one prompt go to one peer, whose account they fill.
fn refused(report: &mut Report, outputs: &[(&'static str, String)]) -> usize {
    let mut refused = 0;
    let mut ledgers: BTreeMap<&str, (Index, Ledger)> = BTreeMap::new();
    for (name, text) in PROMPTS {
        ledgers.insert(name, (index(&[(name, text)]), Ledger::default()));
    }
    for (name, output) in outputs {
        let (index, ledger) = ledgers.get_mut(name).expect("a prompt");
        let sighting = index.inspect(output, "");
        match ledger.judge(&peer(0), &sighting) {
            Some(leak) => {
                refused += 1;
                report.remark(&format!("refused: {name}: {leak}"));
            }
            None => {
                ledger.add(&peer(0), &sighting);
            }
        }
    }
    refused
}

/// Returns how many answers are refused that say what everybody knows, and the private text too.
fn known_refused(report: &mut Report) -> usize {
    let mut refused = 0;
    for (what, known, answers) in HONEST {
        let index = index(&[("skill", &private_with(known))]);
        for answer in answers {
            let sighting = index.inspect(answer, "");
            if let Some(leak) = Ledger::default().judge(&peer(0), &sighting) {
                refused += 1;
                report.remark(&format!("refused: {what}: {leak}"));
            }
        }
    }
    refused
}

/// Returns how long a look at 10 KB takes beside 20 KB of private text: the slowest kind of output, its median.
fn cost(report: &mut Report, effort: Effort) -> f64 {
    let english = &PROMPTS[..5];
    let joined: String = english.iter().map(|(_, text)| *text).collect();
    let mut private = joined.clone();
    private.truncate(20_000);
    let started = Instant::now();
    let index = index(&[("skill", &private)]);
    report.remark(&format!(
        "an index over {} bytes takes {:.1} ms to make",
        private.len(),
        started.elapsed().as_secs_f64() * 1e3
    ));
    let mut slowest: f64 = 0.0;
    for (what, text) in legitimate::of_ten_kilobytes(&corpus::texts(200).texts) {
        let times = (0..effort.times(200, 2)).map(|_| {
            let started = Instant::now();
            let sighting = index.inspect(&text, "{\"input\": \"a question\"}");
            let time = started.elapsed().as_secs_f64() * 1e3;
            assert!(!matches!(
                sighting.leak.map(|leak| leak.what),
                Some(What::Unsearchable)
            ));
            time
        });
        let median = percentile(&sorted(times.collect()), 0.5);
        report.remark(&format!("{what}, {} bytes: {median:.3} ms", text.len()));
        slowest = slowest.max(median);
    }
    slowest
}
