//! Icy's help pages, and a search over them.

/// A heading and a line for each page.
const PAGES: &str = include_str!("help.md");

/// Returns title and text of every page.
pub(crate) fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let pages = PAGES.split("# ").filter_map(|page| page.split_once('\n'));
    pages.map(|(title, text)| (title, text.trim_end()))
}

/// Returns the pages that hold words of the query with what they score, best first: a rare word counts more than one on
/// every page, a word in the title twice.
pub(crate) fn ranked(query: &str) -> Vec<(f64, &'static str, &'static str)> {
    let wanted = words(query);
    let holds = |text: &str, word: &String| {
        let found = words(text).into_iter();
        found.filter(|found| found.starts_with(word)).count() as f64
    };
    let weigh = |(title, text)| {
        let score = wanted.iter().map(|word| {
            let is_there =
                |(title, text): &(&str, &str)| holds(text, word) + holds(title, word) > 0.0;
            let there = pages().filter(is_there).count().max(1);
            let rarity = (1.0 + pages().count() as f64 / there as f64).ln();
            rarity * (2.0 * holds(title, word) + holds(text, word).sqrt())
        });
        (score.sum::<f64>(), title, text)
    };
    let mut hits: Vec<_> = pages().map(weigh).filter(|hit| hit.0 > 0.0).collect();
    hits.sort_by(|a, b| b.0.total_cmp(&a.0));
    hits
}

/// Returns the words worth looking for, cut to a stem: "skills" and "skill", "calling" and "call" are one.
fn words(text: &str) -> Vec<String> {
    let all = text.split(|c: char| !c.is_alphanumeric());
    let telling = all.filter(|word| word.len() > 2).map(str::to_lowercase);
    let telling = telling.filter(|word| !["the", "and", "how", "what"].contains(&word.as_str()));
    let stem = |word: String| {
        let mut ends = ["ing", "ed", "s"].iter();
        let stem = ends.find_map(|end| word.strip_suffix(end));
        stem.filter(|stem| stem.len() > 3)
            .unwrap_or(&word)
            .to_owned()
    };
    telling.map(stem).take(32).collect()
}
