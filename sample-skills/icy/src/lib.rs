//! Icy, the bot to try things with: she tells about herself, translates phrases she knows, searches her own help
//! pages and answers a ping.

use coworker_skill::prelude::*;

mod help;
mod phrases;

/// What Icy says.
#[data]
struct About {
    /// The words.
    text: String,
}

/// Tells who Icy is and what she can do, or about one topic.
#[skill(
    category = "meta",
    version = "1.0.0",
    when_to_use = "To get to know this agent"
)]
fn about(
    /// A word such as "trust" or "skills"; without it, the overview.
    topic: Option<String>,
) -> About {
    let topic = topic.unwrap_or_default();
    let overview = help::pages().next().filter(|_| topic.trim().is_empty());
    let best = help::ranked(&topic)
        .first()
        .map(|(_, title, text)| (*title, *text));
    let text = match overview.or(best) {
        Some((_, text)) => text.to_owned(),
        None => {
            let topic: String = topic.trim().chars().take(60).collect();
            let titles: Vec<_> = help::pages()
                .map(|(title, _)| title.to_lowercase())
                .collect();
            let known = titles.join(", ");
            format!("I have nothing on “{topic}”. Ask me about: {known}.")
        }
    };
    About { text }
}

/// A phrase in another language.
#[data]
struct Translation {
    /// The phrase, or a sentence that says it is not in the table.
    translated: String,
}

/// Translates everyday phrases between English, Chinese, Japanese and Korean from a phrase table; says so when a
/// phrase is not in it.
#[skill(
    category = "compute",
    version = "1.0.0",
    when_to_use = "A greeting or a short everyday phrase"
)]
fn translate(
    /// The phrase, in any of the four languages.
    text: &str,
    /// The language wanted: en, zh, ja or ko.
    to_lang: &str,
) -> Result<Translation> {
    let language = phrases::language(to_lang);
    let (column, name) = language.ok_or_else(|| invalid("`to_lang` is none of en, zh, ja, ko"))?;
    let translated = phrases::find(text, column).unwrap_or_else(|| {
        let count = phrases::count();
        format!("I do not know this phrase in {name}: my table has {count} everyday phrases.")
    });
    Ok(Translation { translated })
}

/// A help page that fits.
#[data]
struct Hit {
    /// The page's title.
    title: String,
    /// The page's text.
    text: String,
    /// How well it fits; only the order means something.
    score: f64,
}

/// What was found.
#[data]
struct Hits {
    /// The pages that fit, best first.
    results: Vec<Hit>,
}

/// Searches Icy's own help pages about skills, trust, limits and privacy.
#[skill(
    category = "query",
    version = "1.0.0",
    when_to_use = "A question about how skills are shared"
)]
fn search(
    /// Words to look for.
    query: &str,
) -> Result<Hits> {
    if !query.chars().any(char::is_alphanumeric) {
        return Err(invalid("`query` holds no word"));
    }
    let hit = |(score, title, text): (f64, &str, &str)| Hit {
        title: title.to_owned(),
        text: text.to_owned(),
        score: (score * 100.0).round() / 100.0,
    };
    let results = help::ranked(query).into_iter().take(5).map(hit).collect();
    Ok(Hits { results })
}

/// The answer to a ping.
#[data]
struct Pong {
    /// Always true.
    pong: bool,
}

/// Answers, to show that a call arrives and its answer comes back.
#[skill(
    category = "meta",
    version = "1.0.0",
    when_to_use = "To test the way here and back"
)]
fn ping() -> Pong {
    Pong { pong: true }
}

#[cfg(test)]
mod tests;
