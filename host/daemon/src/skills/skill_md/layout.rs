//! Tells a file that has no frontmatter from one whose author meant one: a rule of other characters, a mark or a sentence in
//! front of it, other line ends. What was meant is never guessed; the file is refused with the line.

use coworker_core::is_unfit;

use super::SkillMdError;
use super::likeness::{self, Likeness};
use super::words::{is_known, is_ours};

/// The longest line that is taken for a key with its value.
const KEY: usize = 60;
/// How many lines a frontmatter that is not closed is looked for.
const REGION: usize = 200;

/// A line by what it is to a frontmatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'t> {
    Blank,
    /// A row of hyphens, or what stands for one, with what is written behind it.
    Rule(Mark, &'t str),
    /// A key, and its value.
    Pair(&'t str, &'t str),
    /// What goes on from the line above: indented, an item of a list, a comment.
    More,
    Prose,
}

/// What a rule is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Hyphens and dashes, `+++`, `;;;`: nothing but a frontmatter begins a text so.
    Dash,
    /// Stars, underscores: rules of Markdown.
    Star,
    /// A block of code.
    Code,
}

/// Refuses a text without frontmatter whose author meant one, or who wrote a tier into it.
pub(super) fn check_without(text: &str) -> Result<(), SkillMdError> {
    let lines: Vec<&str> = lines(text).collect();
    let kinds: Vec<Line<'_>> = lines.iter().map(|line| kind(line)).collect();
    let top = top(&lines, &kinds);
    // Keys from the very top down to a rule: the first rule was forgotten.
    let first = Region::of("", kinds.get(top..).unwrap_or_default());
    let is_bare = matches!(kinds.get(top), Some(Line::Pair(..)));
    if is_bare && first.is_closed && first.is_pairs && first.ours > 0 {
        return Err(SkillMdError::Misplaced(top + 1));
    }
    let mut in_code = false;
    for (at, line) in kinds.iter().enumerate() {
        let Line::Rule(mark, behind) = *line else {
            continue;
        };
        let here = at + 1;
        let region = Region::of(behind, kinds.get(here..).unwrap_or_default());
        let is_meant = match mark {
            // A text between two rules may be a list of keys by accident; at the very top it is none.
            Mark::Dash if at == top => region.keys > 0 && (region.is_pairs || region.known > 0),
            Mark::Star | Mark::Code if at == top => region.is_pairs && region.known > 0,
            Mark::Dash | Mark::Star if !in_code => {
                region.is_closed && (region.ours > 1 || (region.is_pairs && region.ours > 0))
            }
            _ => false,
        };
        if is_meant {
            return Err(SkillMdError::Misplaced(here));
        }
        in_code ^= mark == Mark::Code;
    }
    match lines.iter().position(|line| says_tier(line)) {
        Some(at) => Err(SkillMdError::Outside(at + 1)),
        None => Ok(()),
    }
}

/// Refuses a private text that begins with what looks like a second frontmatter with a tier in it. `first` is its line.
pub(super) fn check_head(body: &str, first: usize) -> Result<(), SkillMdError> {
    let mut in_comment = false;
    for (at, line) in lines(body).take(REGION).enumerate() {
        in_comment |= line.trim_start().starts_with("<!--");
        let says = match kind(line) {
            _ if in_comment => says_tier(line),
            Line::Blank => false,
            Line::Rule(_, behind) => says_pair(behind),
            Line::Pair(..) => says_pair(line),
            Line::More if line.starts_with([' ', '\t']) => says_pair(line),
            Line::More | Line::Prose => return Ok(()),
        };
        if says {
            return Err(SkillMdError::Outside(first + at));
        }
        in_comment &= !line.contains("-->");
    }
    Ok(())
}

/// Refuses a frontmatter in which a line looks like its end and is none: what its author wrote below it would be published.
pub(super) fn check_end(yaml: &str, first: usize) -> Result<(), SkillMdError> {
    let mut block: Option<usize> = None;
    for (at, line) in yaml.lines().enumerate() {
        let bare = line.trim_start_matches(' ');
        let depth = line.len() - bare.len();
        if bare.trim().is_empty() {
            continue;
        }
        if block.is_some_and(|of| depth <= of) {
            block = None;
        }
        if block.is_none() {
            let is_end = bare.trim_end().len() > 2
                && !bare.trim_end().contains(' ')
                && matches!(kind(bare), Line::Rule(Mark::Dash, ""));
            if is_end {
                return Err(SkillMdError::End(first + at));
            }
            if opens_block(bare) {
                block = Some(depth);
            }
        }
    }
    Ok(())
}

/// Returns whether the value of a line goes on below it as a block.
fn opens_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    let line = line.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let Some(before) = line.strip_suffix(['|', '>']) else {
        return false;
    };
    before.is_empty() || before.ends_with([' ', '\t'])
}

/// Returns whether a line of prose says a tier: our key in any spelling, or what looks like one with a tier as its value.
pub(super) fn says_tier(line: &str) -> bool {
    names_ours(line) || says_pair(line)
}

/// The same of a line that gives it as a key.
pub(super) fn says_pair(line: &str) -> bool {
    if assigns(line) {
        return true;
    }
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    match start.split_once([':', '=', '|', '：', '＝']) {
        Some((key, value)) => {
            key.chars().count() <= KEY
                && value.split_whitespace().count() <= 3
                && likeness::of_key(key) == Likeness::Tier
                && likeness::is_value(value)
        }
        None => false,
    }
}

/// Returns whether a text gives our key a value, wherever it stands in it.
pub(super) fn assigns(text: &str) -> bool {
    tokens(text).any(|(token, after)| {
        let is_beside = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '*');
        let rest = after.trim_start_matches(is_beside);
        let is_quoted = after.starts_with(['"', '\'']);
        rest.starts_with([':', '=', '：', '＝'])
            && (likeness::is_ours(token)
                || (is_quoted && likeness::of_key(token) == Likeness::Tier))
    })
}

fn names_ours(line: &str) -> bool {
    tokens(line).any(|(token, _)| likeness::is_ours(token))
}

/// Returns the words of a text as programs name things, each with what follows it.
fn tokens(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_in = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || (!c.is_ascii() && is_unfit(c))
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(is_in)?;
            let from = rest.get(start..)?;
            let end = from.find(|c| !is_in(c)).unwrap_or(from.len());
            let (token, after) = from.split_at_checked(end)?;
            rest = after;
            // Shorter ones hold no key of ours.
            if token.len() >= 6 || !token.is_ascii() {
                return Some((token, after));
            }
            if (4..6).contains(&token.len()) && after.starts_with(['"', '\'']) {
                return Some((token, after));
            }
        }
    })
}

/// What stands between two rules.
struct Region {
    /// How many keys stand in it.
    keys: usize,
    /// How many of them a SKILL.md may hold.
    known: usize,
    /// How many of them mean something to this host, exactly as they are written.
    ours: usize,
    /// Whether nothing else does.
    is_pairs: bool,
    /// Whether there is a second rule.
    is_closed: bool,
}

impl Region {
    fn of(behind: &str, below: &[Line<'_>]) -> Self {
        let mut region = Self {
            keys: 0,
            known: 0,
            ours: 0,
            is_pairs: true,
            is_closed: false,
        };
        let first = match kind(behind) {
            pair @ Line::Pair(..) => Some(pair),
            _ => None,
        };
        for line in first.iter().chain(below.iter().take(REGION)) {
            match line {
                Line::Rule(..) if region.keys > 0 => {
                    region.is_closed = true;
                    break;
                }
                Line::Rule(..) | Line::Blank => {}
                Line::Pair(key, _) => {
                    region.keys += 1;
                    let tier = likeness::of_key(key) != Likeness::Plain;
                    region.known += usize::from(tier || is_known(key));
                    region.ours += usize::from(tier || is_ours(key));
                }
                Line::More => {}
                Line::Prose if region.keys == 0 => {
                    region.is_pairs = false;
                    break;
                }
                Line::Prose => region.is_pairs = false,
            }
        }
        region
    }
}

/// Returns the place of the first line that says something; comments of HTML say nothing.
fn top(lines: &[&str], kinds: &[Line<'_>]) -> usize {
    let mut in_comment = false;
    for (at, (line, kind)) in lines.iter().zip(kinds).enumerate() {
        in_comment |= line.trim_start().starts_with("<!--");
        let skipped = in_comment || *kind == Line::Blank;
        in_comment &= !line.contains("-->");
        if !skipped {
            return at;
        }
    }
    lines.len()
}

/// Returns the lines of a text, whichever system ended them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
    })
}

fn kind(line: &str) -> Line<'_> {
    let unseen = |c: char| c.is_whitespace() || is_unfit(c);
    let bare = line.trim_matches(unseen);
    if bare.is_empty() {
        return Line::Blank;
    }
    if let Some((mark, behind)) = rule(bare) {
        return Line::Rule(mark, behind.trim_matches(unseen));
    }
    if let Some((key, value)) = pair(bare) {
        return Line::Pair(key, value);
    }
    let item = bare.starts_with(['-', '#', ']', '}', '[', '{', ',']);
    if item || line.starts_with([' ', '\t']) {
        return Line::More;
    }
    Line::Prose
}

/// Returns what a row of one kind of marks is made of, and what stands behind it.
fn rule(bare: &str) -> Option<(Mark, &str)> {
    // A quotation, an escape, or what stands for a picture or for bytes that were none.
    let before = [
        '>', '\\', '"', '\'', '\u{ab}', '\u{201c}', '\u{2022}', '\u{fffc}', '\u{fffd}',
    ];
    let bare =
        bare.trim_start_matches(|c: char| before.contains(&c) || c.is_whitespace() || is_unfit(c));
    let first = bare.chars().next()?;
    let mark = mark(first)?;
    let is_mark = |c: char| self::mark(c) == Some(mark) || c.is_whitespace() || is_unfit(c);
    let end = bare.find(|c| !is_mark(c)).unwrap_or(bare.len());
    let (row, behind) = bare.split_at_checked(end)?;
    let marks = row.chars().filter(|c| self::mark(*c) == Some(mark)).count();
    let together = row
        .chars()
        .take_while(|c| self::mark(*c) == Some(mark))
        .count();
    let enough = match (behind.is_empty(), mark) {
        // Programs that correct what people type make one dash of two or three hyphens.
        (true, Mark::Dash) => marks >= 2 || !first.is_ascii(),
        (true, _) => marks >= 3,
        (false, _) => together >= 3 || (together > 0 && !first.is_ascii()),
    };
    enough.then_some((mark, behind))
}

const fn mark(c: char) -> Option<Mark> {
    match c {
        '-'
        | '+'
        | ';'
        | '\u{ad}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{23af}'
        | '\u{2500}'..='\u{257f}'
        | '\u{2796}'
        | '\u{2e3a}'..='\u{2e3b}'
        | '\u{30fc}'
        | '\u{3161}'
        | '\u{fe31}'..='\u{fe32}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0b}'
        | '\u{ff0d}'
        | '\u{58a}'
        | '\u{2d7}'
        | '\u{1806}'
        | '\u{301c}'
        | '\u{3030}' => Some(Mark::Dash),
        '*' | '_' | '=' | '\u{2217}' | '\u{ff3f}' | '\u{ff1d}' => Some(Mark::Star),
        '`' | '~' => Some(Mark::Code),
        _ => None,
    }
}

/// Returns the key and the value of a line that holds them: `key: value`, `"key" = value`, also as an item of a list.
fn pair(bare: &str) -> Option<(&str, &str)> {
    let bare = bare.trim_start_matches(|c: char| {
        matches!(c, '-' | '{' | ',' | '[' | '?' | '>' | '|') || c.is_whitespace()
    });
    let (key, value) = bare.split_once([':', '=', '：', '＝'])?;
    let key =
        key.trim_matches(|c: char| c.is_whitespace() || is_unfit(c) || matches!(c, '"' | '\''));
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') || is_unfit(c);
    let is_key = !key.is_empty()
        && key.len() <= KEY
        && key.chars().all(word)
        && key.split_whitespace().count() <= 3;
    // An address is no key.
    (is_key && !value.starts_with("//")).then_some((key, value))
}
