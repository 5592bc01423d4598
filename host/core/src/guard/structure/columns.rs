//! Columns: of the fields of lines, and of the elements of a document in tags.

use super::{GRAM, Rows, put};

/// So many lines are a table, or a list.
const LINES: usize = 5;
/// A line that is longer holds more of a row than may stand in one.
const LINE: usize = 240;
/// A field of more letters does, by itself.
const FIELD: usize = 48;
/// How many fields of a line have a column.
const FIELDS: usize = 3;
/// The longest mark of an item in a list.
const MARK: usize = 8;

/// Returns the columns of lines: the fields that stand first, second, third and last in each, those that the same field stands
/// before, and what follows the mark of an item, such as `a)`, `iv.`, `word:`. Only short lines have any: what stands in long ones
/// stands in a row.
pub(in crate::guard) fn columns(text: &str) -> Vec<String> {
    let is_line = |line: &&str| {
        !line.is_empty() && line.len() <= LINE && line.contains(char::is_alphanumeric)
    };
    let mut lines: Vec<&str> = text.lines().filter(is_line).collect();
    if lines.len() < LINES {
        // `a=1&b=2`, `a=1; b=2`.
        lines = text.split(['\n', '&', ';']).filter(is_line).collect();
    }
    if lines.len() < LINES {
        return Vec::new();
    }
    let mut found = items(&lines);
    let mut columns: [String; FIELDS + 1] = Default::default();
    let (mut rows, mut split) = (Rows::default(), 0);
    for line in &lines {
        let fields = line.split(is_separator).map(str::trim);
        let fields: Vec<&str> = fields
            .filter(|field| field.contains(char::is_alphanumeric))
            .collect();
        let mut last = None;
        for (at, field) in fields.iter().enumerate() {
            if !is_short(field) {
                continue;
            }
            if let Some(column) = columns.get_mut(at).filter(|_| at < FIELDS) {
                put(column, field);
            }
            last = Some(field);
        }
        if let (Some(column), Some(last)) = (columns.last_mut(), last) {
            put(column, last);
        }
        if let [key, value, ..] = *fields {
            split += 1;
            if is_short(value) {
                rows.field(key, value);
            }
        }
    }
    if split >= LINES {
        found.extend(columns);
        found.extend(rows.finish("").columns);
    }
    found.retain(|column| column.len() >= 2 * GRAM);
    found
}

fn is_short(field: &str) -> bool {
    field.len() <= FIELD || field.len() <= 4 * FIELD && field.chars().count() <= FIELD
}

/// Returns what follows the marks of items, if there are many.
fn items(lines: &[&str]) -> Vec<String> {
    let (mut items, mut marked) = (String::new(), 0);
    for line in lines {
        let item = item(line);
        marked += usize::from(item.is_some());
        put(&mut items, item.unwrap_or(line));
    }
    if marked < LINES {
        Vec::new()
    } else {
        vec![items]
    }
}

/// Returns the columns of what stands in tags of one name each, if there is more than one.
pub(in crate::guard) fn elements(text: &str) -> Vec<String> {
    let mut rows = Rows::default();
    for part in text.split('<').skip(1) {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '-' && c != ':');
        let (name, rest) = part
            .split_at_checked(end.unwrap_or(part.len()))
            .unwrap_or((part, ""));
        let inner = rest.split_once('>').map_or("", |(_, inner)| inner).trim();
        if !name.is_empty() && !inner.is_empty() && is_short(inner) {
            rows.field(name, inner);
        }
    }
    rows.finish("").columns
}

const fn is_separator(c: char) -> bool {
    matches!(
        c,
        ':' | '='
            | '|'
            | '\t'
            | ','
            | ';'
            | '\u{ff1a}'
            | '\u{ff0c}'
            | '\u{ff1b}'
            | '\u{ff5c}'
            | '\u{3001}'
            | '\u{60c}'
            | '\u{61b}'
    )
}

/// Returns what follows the mark of an item: some letters, and something that is none and no blank; or a first word that is short.
fn item(line: &str) -> Option<&str> {
    let from = line.find(char::is_alphanumeric)?;
    let rest = line.get(from..)?;
    let len = rest.find(|c: char| !c.is_alphanumeric())?;
    let after = rest.get(len..)?;
    let count = rest.get(..len)?.chars().count();
    let ends = after.chars().next()?;
    let most = if ends.is_whitespace() { 2 } else { MARK };
    (count <= most && after.contains(char::is_alphanumeric)).then_some(after)
}
