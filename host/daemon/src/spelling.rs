//! Names that look alike. What a person took for one name and a program for another decides who may call, so names are
//! compared by a normal form: compatible characters, accents, look-alikes, digits for letters and everything that stands
//! between letters are taken away.

use coworker_core::is_unfit;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// How much of a name is looked at.
pub(crate) const LONGEST: usize = 200;
/// By how many characters a name that was missed may be longer than the right one.
const SPARE: usize = 12;
/// Stands in a normal form for a letter that looks like none of ASCII.
pub(crate) const UNKNOWN: char = '?';

/// Returns the normal form of a name. Its case is not changed before it is looked at: capitals do not always look like what
/// small letters look like.
pub(crate) fn normal_form(name: &str) -> String {
    // Two letters that look like one.
    letters(name).replace("rn", "m")
}

/// Returns the letters of a name, each as one of ASCII.
fn letters(name: &str) -> String {
    let start: String = name.chars().take(LONGEST).collect();
    let mut out = String::new();
    let mut put = |c: char| {
        let c = small(c);
        if c.is_ascii_alphanumeric() {
            out.push(alike(c.to_ascii_lowercase()));
        } else if !c.is_ascii() && c.is_alphanumeric() && !is_combining_mark(c) && !is_unfit(c) {
            out.push(UNKNOWN);
        }
    };
    if start.is_ascii() {
        start.chars().for_each(&mut put);
    } else {
        let seen: String = start.nfkd().filter(|c| !is_unfit(*c)).collect();
        let decomposed = skeleton(&seen).flat_map(|c| std::iter::once(c).nfkd());
        decomposed.for_each(&mut put);
    }
    out
}

/// Returns the letter that a small capital, or a letter of the same shape, stands for.
const fn small(c: char) -> char {
    match c {
        'ᴛ' | 'τ' | 'т' => 't',
        'ɪ' | 'ı' | 'ι' => 'i',
        'ᴇ' => 'e',
        'ʀ' | 'ʁ' | 'ᴦ' => 'r',
        'ᴍ' | 'ʍ' | 'м' => 'm',
        'ɴ' => 'n',
        'ᴜ' => 'u',
        'ꜱ' => 's',
        other => other,
    }
}

/// Returns the one letter for all that are written for one another.
const fn alike(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | 'l' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        other => other,
    }
}

/// Returns whether a file's name was made from another's by an editor or by somebody who keeps the old state.
fn is_copy(name: &str) -> bool {
    let lower = name.to_lowercase();
    let ends = [
        "~",
        ".bak",
        ".orig",
        ".old",
        ".rej",
        ".save",
        ".swp",
        ".swo",
        ".tmp",
        ".disabled",
    ];
    lower.starts_with(['.', '#']) || ends.iter().any(|end| lower.ends_with(end))
}

/// Returns whether somebody who wrote a file of this name meant `wanted`, which is read, and missed it.
pub(crate) fn is_meant_for(name: &str, wanted: &str) -> bool {
    // Nobody misses a name by that much.
    let is_near = name.chars().count() <= wanted.len() + SPARE;
    if name == wanted || !is_near || is_copy(name) {
        return false;
    }
    let lower = name.to_lowercase();
    // Some systems hide the last ending, and some editors add theirs.
    let name = lower.strip_suffix(".txt").unwrap_or(&lower).trim();
    let wanted = wanted.to_lowercase();
    let (form, wanted_form) = (normal_form(name), normal_form(&wanted));
    if form == wanted_form {
        return true;
    }
    let (stem, end) = cut(name);
    let (wanted_stem, wanted_end) = cut(&wanted);
    let near =
        |a: &str, b: &str, most: usize| strsim::osa_distance(&letters(a), &letters(b)) <= most;
    let ends: &[&str] = match wanted_end {
        "toml" => &[
            "", "yaml", "yml", "json", "json5", "ini", "conf", "cfg", "tml", "tom", "tmol",
        ],
        _ => &["", "markdown", "mdx", "mdown", "mkd"],
    };
    let is_end = ends.contains(&end) || (!end.is_empty() && near(end, wanted_end, 1));
    // A short stem has other words for neighbours.
    let most = usize::from(wanted_stem.len() > 4);
    is_end && near(stem, wanted_stem, most)
}

/// Returns a name without its ending, and that.
fn cut(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_missed_is_known() {
        for name in [
            "Grants.toml",
            "GRANTS.TOML",
            "grants.TOML",
            "grant.toml",
            "grants.tml",
            "grants.tom",
            "grants.toml.txt",
            "grants.yaml",
            "grants.json",
            "grants",
            "garnts.toml",
            "grants..toml",
            "grants .toml",
            "gr\u{430}nts.toml",
            "grants\u{200b}.toml",
            "grants.toml ",
            "granst.toml",
            "grants.tomI",
            "grants.ｔｏｍｌ",
        ] {
            assert!(is_meant_for(name, "grants.toml"), "{name:?}");
        }
        for name in [
            "grants.toml",
            "grants.toml~",
            "grants.toml.bak",
            ".grants.toml.swp",
            "pyproject.toml",
            "config.toml",
            "grants.md",
            "Cargo.toml",
            "package.json",
            "grammar.json",
            "granite.txt",
            "plants.md",
            "#grants.toml#",
        ] {
            assert!(!is_meant_for(name, "grants.toml"), "{name:?}");
        }
        assert!(is_meant_for("Skill.md", "SKILL.md") && is_meant_for("SKILL.MD", "SKILL.md"));
        assert!(is_meant_for("SKILL.markdown", "SKILL.md") && is_meant_for("SKLL.md", "SKILL.md"));
        assert!(!is_meant_for("README.md", "SKILL.md") && !is_meant_for("b.toml", "a.toml"));
    }
}
