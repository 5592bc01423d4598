//! A phrase table in four languages.

/// The languages of the table by code and name, in the order of its columns.
const LANGUAGES: [(&str, &str); 4] = [
    ("en", "English"),
    ("zh", "Chinese"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
];

/// A line for each phrase and a column for each language; the first form of several is the one to answer with.
const TABLE: &str = include_str!("phrases.tsv");

/// Finds a language by its code or its name; returns its column and its name.
pub(crate) fn language(text: &str) -> Option<(usize, &'static str)> {
    let wanted = text.trim().to_lowercase();
    let is_it = |(code, name): &(&str, &str)| wanted == *code || wanted == name.to_lowercase();
    let column = LANGUAGES.iter().position(is_it)?;
    Some((column, LANGUAGES[column].1))
}

/// Returns the phrase in the language of a column, if the table has it.
pub(crate) fn find(text: &str, column: usize) -> Option<String> {
    let wanted = plain(text);
    let holds = |line: &&str| line.split(['\t', '|']).any(|form| plain(form) == wanted);
    let form = TABLE.lines().find(holds)?.split('\t').nth(column)?;
    // English stands in lower case in the table, so that "Hello" and "hello" are one phrase.
    let mut chars = form.split('|').next()?.chars();
    let first = chars.next()?.to_uppercase();
    Some(first.chain(chars).collect())
}

/// Returns how many phrases the table has.
pub(crate) fn count() -> usize {
    TABLE.lines().count()
}

/// Drops what does not change a phrase: case, spaces at its ends or doubled, its full stop or question mark.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('’', "'").replace(',', " ");
    let words: Vec<_> = text.split_whitespace().collect();
    let ends = ['.', '!', '?', '。', '！', '？', ' '];
    words.join(" ").trim_matches(ends).to_owned()
}
