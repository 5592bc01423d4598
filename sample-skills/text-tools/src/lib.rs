//! Tools for plain text: a summary made of its own sentences, counts, and how hard it is to read.
//!
//! No model, no network: the same text always gives the same answer.

use std::collections::HashMap;

use coworker_skill::prelude::*;

mod words;

use words::{is_common, sentences, syllables, words};

/// The chosen sentences.
#[data]
struct Summary {
    /// The most telling sentences of the text, in their own order.
    summary: String,
}

/// Shortens a text to its most telling sentences, word for word.
#[skill(
    category = "compute",
    version = "1.0.0",
    when_to_use = "A text is long and its gist in its own words is enough"
)]
fn summarize(
    /// The text to shorten.
    text: &str,
    /// How many sentences to keep (default 3).
    #[schemars(range(min = 1, max = 20))]
    sentences: Option<usize>,
) -> Result<Summary> {
    let all = self::sentences(text);
    if all.is_empty() {
        return Err(invalid("`text` holds no sentence"));
    }
    let mut counts: HashMap<String, f64> = HashMap::new();
    let telling = words(text).into_iter().filter(|word| !is_common(word));
    telling.for_each(|word| *counts.entry(word).or_default() += 1.0);
    // A sentence weighs what its words weigh in the whole text; dividing by the root of its length keeps long ones
    // from winning by length alone, and the first sentence of a text usually says what it is about.
    let weigh = |(place, sentence): (usize, &&str)| {
        let words = words(sentence);
        let sum: f64 = words.iter().filter_map(|word| counts.get(word)).sum();
        let lead = if place == 0 { 1.25 } else { 1.0 };
        (place, lead * sum / (words.len().max(4) as f64).sqrt())
    };
    let mut ranked: Vec<_> = all.iter().enumerate().map(weigh).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(sentences.unwrap_or(3));
    ranked.sort_by_key(|(place, _)| *place);
    let kept: Vec<_> = ranked.into_iter().map(|(place, _)| all[place]).collect();
    let summary = kept.join(" ");
    Ok(Summary { summary })
}

/// The counts of a text.
#[data]
struct Counts {
    /// Runs of letters and digits; each Chinese, Japanese or Korean sign counts as one.
    words: usize,
    /// Characters, spaces included.
    chars: usize,
    /// Lines, an empty last one not counted.
    lines: usize,
}

/// Counts the words, characters and lines of a text.
#[skill(
    category = "compute",
    version = "1.0.0",
    when_to_use = "A length has to fit or be reported"
)]
fn word_count(
    /// The text to count in.
    text: &str,
) -> Counts {
    Counts {
        words: words(text).len(),
        chars: text.chars().count(),
        lines: text.lines().count(),
    }
}

/// How hard a text is to read.
#[data]
struct Readability {
    /// Flesch reading ease: 100 is very easy, 0 very hard.
    reading_ease: f64,
    /// Years of school needed (Flesch-Kincaid).
    grade: f64,
    /// Words in the average sentence.
    words_per_sentence: f64,
    /// Minutes to read it at 230 words a minute.
    minutes: f64,
}

/// Tells how hard an English text is to read, and for how long.
#[skill(
    category = "compute",
    version = "1.0.0",
    when_to_use = "A draft must suit its readers"
)]
fn readability(
    /// The text to judge.
    text: &str,
) -> Result<Readability> {
    let (sentences, words) = (sentences(text).len() as f64, words(text));
    if words.is_empty() {
        return Err(invalid("`text` holds no word"));
    }
    let count = words.len() as f64;
    let long = count / sentences.max(1.0);
    let slow = words.iter().map(|word| syllables(word)).sum::<usize>() as f64 / count;
    let round = |value: f64| (value * 10.0).round() / 10.0;
    Ok(Readability {
        reading_ease: round(206.835 - 1.015 * long - 84.6 * slow),
        grade: round((0.39 * long + 11.8 * slow - 15.59).max(0.0)),
        words_per_sentence: round(long),
        minutes: round(count / 230.0),
    })
}

#[cfg(test)]
mod tests;
