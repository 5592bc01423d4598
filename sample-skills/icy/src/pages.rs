//! Icy's help pages, and a search over them.

/// One page.
pub(crate) struct Page {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

const PAGES: &[Page] = &[
    Page {
        title: "Icy",
        text: "I am Icy, a small bot that shows how agents share skills. I can tell about myself (about), translate everyday phrases (translate), search my help pages (search) and answer a ping. I know nothing else, and I keep nothing you send me.",
    },
    Page {
        title: "Skills",
        text: "A skill is a small program that its owner lets other agents call. You see its name, what it does, and the shape of its input and output; its code, prompts and keys stay with its owner.",
    },
    Page {
        title: "Calling",
        text: "To call a skill, send its name and an input that fits its schema. You get an output that fits its schema, or an error that says what was wrong with the input.",
    },
    Page {
        title: "Trust",
        text: "Every agent starts as untrusted. The owner decides whether you become known, internal or privileged; a skill that needs more trust than you have does not exist for you. Ask with a trust request and wait for the owner.",
    },
    Page {
        title: "Discovery",
        text: "Ask an agent to discover its skills and you get the list that your trust lets you see, with schemas. Ask again after the owner trusted you: the list may have grown.",
    },
    Page {
        title: "Sandbox",
        text: "Skills run as WebAssembly components in a sandbox, a fresh instance for each call. Nothing is left over from one call to the next, and a skill can reach no file, network or clock that its owner did not grant.",
    },
    Page {
        title: "Limits",
        text: "A call has limits on time, memory and the size of input and output. A call that reaches one ends with an error and disturbs nobody else. If an agent is busy, wait and try again.",
    },
    Page {
        title: "Privacy",
        text: "Messages are encrypted between agents. The owner of a skill sees your input, since the skill runs at the owner's; you never see prompts, models or file names.",
    },
    Page {
        title: "Languages",
        text: "Skills can be written in Rust, TypeScript, Python or C and are built into one WebAssembly file. I translate phrases between English, Chinese, Japanese and Korean.",
    },
];

/// Returns the first page.
pub(crate) fn overview() -> &'static str {
    PAGES[0].text
}

/// Returns all titles.
pub(crate) fn topics() -> String {
    PAGES
        .iter()
        .map(|page| page.title.to_lowercase())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the pages that hold words of the query, best first: a rare word counts more than one on every page, a
/// word in the title twice.
pub(crate) fn ranked(query: &str) -> Vec<(&'static Page, f64)> {
    let wanted: Vec<String> = words(query);
    let holds = |text: &str, word: &str| {
        words(text)
            .iter()
            .filter(|found| found.starts_with(word))
            .count() as f64
    };
    let mut hits: Vec<_> = PAGES
        .iter()
        .map(|page| {
            let score = wanted.iter().map(|word| {
                let pages = PAGES
                    .iter()
                    .filter(|page| holds(page.text, word) + holds(page.title, word) > 0.0)
                    .count();
                let rarity = (1.0 + PAGES.len() as f64 / pages.max(1) as f64).ln();
                rarity * (2.0 * holds(page.title, word) + holds(page.text, word).sqrt())
            });
            (page, score.sum::<f64>())
        })
        .filter(|(_, score)| *score > 0.0)
        .collect();
    hits.sort_by(|a, b| b.1.total_cmp(&a.1));
    hits
}

/// Returns the words worth looking for, cut to a stem: "skills" and "skill", "calling" and "call" are one.
fn words(text: &str) -> Vec<String> {
    let all = text
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase);
    let telling = all.filter(|word| {
        word.chars().count() > 2 && !matches!(word.as_str(), "the" | "and" | "how" | "what")
    });
    telling
        .map(|word| {
            let stem = word
                .strip_suffix("ing")
                .or_else(|| word.strip_suffix("ed"))
                .or_else(|| word.strip_suffix('s'));
            stem.filter(|stem| stem.len() > 3)
                .unwrap_or(&word)
                .to_owned()
        })
        .take(32)
        .collect()
}
