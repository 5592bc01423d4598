//! Reads what authors meant where they forgot quotes: `description: Use it when: …` is not YAML, and there are many such
//! files. Only prose is mended. A tier, a schema or an argument that is not YAML is for its author to correct.

use super::layout;

/// A frontmatter with quotes where they were missing.
pub(super) struct Mended {
    /// All of it.
    pub(super) yaml: String,
    /// The keys whose values were put in quotes.
    pub(super) keys: Vec<String>,
}

/// Keys whose values decide something; they are never guessed.
const STRICT: [&str; 12] = [
    "arguments",
    "input_schema",
    "output_schema",
    "metadata",
    "min_trust_tier",
    "min_tier",
    "provider",
    "model",
    "temperature",
    "max_tokens",
    "version",
    "name",
];

/// Puts the values in quotes that are not YAML by themselves. Returns nothing if that does not help.
pub(super) fn mend(yaml: &str, is_yaml: impl Fn(&str) -> bool) -> Option<Mended> {
    let mut mended = Mended {
        yaml: String::new(),
        keys: Vec::new(),
    };
    for group in groups(yaml) {
        if is_yaml(&group) {
            mended.yaml.push_str(&group);
            continue;
        }
        let (key, value) = group.split_once(':')?;
        let key = key.trim_end();
        // What is not indented belongs to no key, and is private text if it stands below a rule that is none; a tier that
        // is indented by mistake is no prose.
        let goes_on = |line: &str| {
            line.trim().is_empty() || (line.starts_with([' ', '\t']) && !layout::says_pair(line))
        };
        if STRICT.contains(&key.replace('-', "_").as_str())
            || !is_prose(value)
            || !value.lines().skip(1).all(goes_on)
        {
            return None;
        }
        let words: Vec<&str> = value.split_whitespace().collect();
        // A JSON text is a YAML text in double quotes.
        let quoted = serde_json::to_string(&words.join(" ")).ok()?;
        mended.yaml.push_str(&format!("{key}: {quoted}\n"));
        mended.keys.push(format!("`{key}`"));
    }
    (!mended.keys.is_empty()).then_some(mended)
}

/// Returns whether a value was meant as running text: not a block, a quoted text, or an alias that went wrong.
fn is_prose(value: &str) -> bool {
    let value = value.trim_start();
    !value.is_empty() && !value.starts_with(['"', '\'', '|', '>', '{', '&', '*', '!', '#'])
}

/// Returns the lines of each key at the top together with those that go on below it.
fn groups(yaml: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for line in yaml.lines() {
        let starts = line.split_once(':').is_some_and(|(key, _)| {
            let key = key.trim_end();
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        });
        match groups.last_mut() {
            Some(group) if !starts => {
                group.push_str(line);
                group.push('\n');
            }
            _ => groups.push(format!("{line}\n")),
        }
    }
    groups
}
