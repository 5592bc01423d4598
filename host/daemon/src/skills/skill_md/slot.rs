//! Reads a further private text, `prompts/SLOT.md`. It may begin with a frontmatter of its own that says how it is to be
//! answered; a prompt that begins with a rule of `---` and says nothing of that is private text throughout.

use coworker_core::Slot;

use super::front::{self, Front};
use super::split::Parts;
use super::{SkillMdError, keys, layout, private, split, utf8, words};

/// The keys that such a frontmatter may hold.
const KEYS: [&str; 4] = ["provider", "model", "temperature", "max_tokens"];

/// Reads a private text. Returns nothing if it is blank.
pub fn read_slot(bytes: &[u8], warnings: &mut Vec<String>) -> Result<Option<Slot>, SkillMdError> {
    let text = utf8(bytes)?;
    let parts = split::split(text).unwrap_or_else(|_| Parts::without(text));
    let mut said = Vec::new();
    let front = match parts.front {
        Some(yaml) => match front::parse(yaml, parts.front_line, &mut said) {
            Ok(front) => front,
            Err(hostile @ SkillMdError::Hostile(_)) => return Err(hostile),
            // Prose between two rules is no YAML, and need not be.
            Err(_) => None,
        },
        None => None,
    };
    let is_wish = |front: &Front| KEYS.iter().any(|key| front.get(key).is_some());
    let (front, parts) = match front.filter(is_wish) {
        Some(front) => {
            keys::check_slot(&front, &mut said)?;
            (front, parts)
        }
        None => (Front::default(), Parts::without(text)),
    };
    layout::check_head(parts.body, parts.body_line)?;
    for key in front.keys() {
        if !KEYS.contains(&key.replace('-', "_").as_str()) {
            said.push(format!("`{key}` is not read in a slot"));
        }
    }
    let wish = words::wish(&front, &mut said);
    warnings.append(&mut said);
    Ok(private(parts.body, wish))
}
