//! What each side knows at the end, and what crossed the wire: how much the node was given, and whether anything that was
//! said is in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::stage::Stage;
use super::step::Step;
use super::tour::ask;
use crate::cli::show;
use crate::control::{Request, UsageBy};
use crate::host::Host;
use crate::report::Failure;

/// Texts shorter than this turn up in files by chance.
const TELLING: usize = 8;
/// Long texts are looked for by their beginning, so that they need not lie in one piece.
const LONGEST: usize = 48;

/// Pieces of what the hosts said to each other, to be looked for.
#[derive(Default)]
pub(super) struct Said(BTreeSet<String>);

impl Said {
    /// Adds every text of a value that is long enough to be told from chance.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                // As it is written inside of a message.
                let written = Value::from(text.as_str()).to_string();
                let piece: String = written.trim_matches('"').chars().take(LONGEST).collect();
                if piece.len() >= TELLING {
                    self.0.insert(piece);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(fields) => fields.values().for_each(|value| self.add(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Says what either host knows of the other.
pub(super) async fn sides(
    step: &Step<'_>,
    owner: &Arc<Host>,
    visitor: &Arc<Host>,
    cards: &[Value],
) -> Result<(), Failure> {
    step.part("what each side knows");
    let peer = Request::PeersShow {
        peer: visitor.me.to_string(),
    };
    let row = ask(owner, peer).await?;
    let used = Request::Usage {
        by: UsageBy::Peer,
        since: None,
    };
    let used = ask(owner, used).await?;
    let used = show::rows(&used).first().cloned().unwrap_or_default();
    let words = format!(
        "icy knows {}: it calls itself {}, is {} now, made {} calls that ran, sent {} bytes for them and got {}",
        visitor.me,
        show::called(&row),
        show::text(&row, "tier"),
        show::text(&used, "calls"),
        show::text(&used, "input_bytes"),
        show::text(&used, "output_bytes"),
    );
    step.remark(&words, json!({ "side": "icy", "peer": row, "usage": used }));
    let bytes: usize = cards.iter().map(|card| card.to_string().len()).sum();
    let words = format!(
        "visitor knows {}: {} cards of {bytes} bytes, and the answers above; no code, no path, nothing that was not for it",
        owner.me,
        cards.len(),
    );
    let names: Vec<&Value> = cards.iter().filter_map(|card| card.get("name")).collect();
    let document = json!({ "side": "visitor", "peer": owner.me, "skills": names, "bytes": bytes });
    step.remark(&words, document);
    Ok(())
}

/// Says what the node was given, and looks in it for what was said.
pub(super) fn crossed(step: &Step<'_>, stage: &Stage, said: &Said) -> Result<(), Failure> {
    let Some(data) = stage.node_data() else {
        return Ok(());
    };
    let failed = |error: &dyn std::error::Error| {
        Failure::failed("the node's data cannot be read").cause(error.to_string())
    };
    let sizes = sizes(&data).map_err(|error| failed(&error))?;
    let words = format!(
        "the node knows {} inboxes with {} addresses, and who sent what size when: {} messages of {} to {} bytes, {} in all",
        sizes.inboxes, sizes.addresses, sizes.messages, sizes.least, sizes.most, sizes.bytes
    );
    let document = json!({
        "side": "node", "inboxes": sizes.inboxes, "addresses": sizes.addresses, "messages": sizes.messages,
        "least_bytes": sizes.least, "most_bytes": sizes.most, "bytes": sizes.bytes,
    });
    step.remark(&words, document);

    step.part("what crossed the wire");
    let read = |files: &[PathBuf]| search(files, said).map_err(|error| failed(&error));
    let node = read(&files(&data).map_err(|error| failed(&error))?)?;
    // The same search finds the same words where they belong, or its silence would say nothing.
    let home = stage.owner_home();
    let ours = read(&["host.db", "host.db-wal"].map(|name| home.join(name)))?;
    let words = format!(
        "searched the {} bytes that the node holds for {} pieces of what was said: {} found; the same search finds {} in icy's own database",
        node.bytes,
        said.0.len(),
        node.found.len(),
        ours.found.len(),
    );
    let document = json!({
        "searched_bytes": node.bytes, "pieces": said.0.len(), "found_in_node": node.found.len(),
        "found_at_owner": ours.found.len(),
    });
    step.remark(&words, document);
    match node.found.first() {
        Some(piece) => Err(Failure::failed("the node holds what was said")
            .cause(format!("its files hold {piece:?}"))),
        None if ours.found.is_empty() => Err(Failure::internal(
            "the search finds nothing even where everything is",
        )),
        None => Ok(()),
    }
}

/// What a node was given.
struct Sizes {
    messages: i64,
    bytes: i64,
    least: i64,
    most: i64,
    inboxes: i64,
    addresses: i64,
}

/// Counts in the node's own tables, as whoever runs it could.
fn sizes(data: &Path) -> rusqlite::Result<Sizes> {
    let node = Connection::open_with_flags(data.join("node.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    node.query_row(
        "SELECT count(*), coalesce(sum(length(data)), 0), coalesce(min(length(data)), 0), coalesce(max(length(data)), 0),
                (SELECT count(DISTINCT inbox) FROM inbox_log), (SELECT count(DISTINCT address) FROM address_log)
         FROM (SELECT data FROM group_message UNION ALL SELECT data FROM welcome)",
        [],
        |row| {
            Ok(Sizes {
                messages: row.get(0)?,
                bytes: row.get(1)?,
                least: row.get(2)?,
                most: row.get(3)?,
                inboxes: row.get(4)?,
                addresses: row.get(5)?,
            })
        },
    )
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// What a search found.
struct Found<'s> {
    bytes: usize,
    found: Vec<&'s str>,
}

fn search<'s>(files: &[PathBuf], said: &'s Said) -> std::io::Result<Found<'s>> {
    let mut held = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        held.extend(std::fs::read(file)?);
    }
    let holds = |piece: &str| {
        let piece = piece.as_bytes();
        held.windows(piece.len()).any(|window| window == piece)
    };
    let found = said.0.iter().filter(|piece| holds(piece));
    Ok(Found {
        found: found.map(String::as_str).collect(),
        bytes: held.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_found_where_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut said = Said::default();
        said.add(
            &json!({ "text": "one two\nthree", "short": "pen", "list": ["Guten Morgen", 1, null] }),
        );
        said.add(&json!("x".repeat(100)));
        assert_eq!(said.0.len(), 3, "short ones are left out");
        std::fs::write(
            folder.path().join("a"),
            b"..{\"text\":\"one two\\nthree\"}..",
        )
        .expect("ours");
        std::fs::write(folder.path().join("b"), b"Guten Morge").expect("ours");
        let found = search(&files(folder.path()).expect("ours"), &said).expect("ours");
        assert_eq!(found.found, ["one two\\nthree"]);
        assert_eq!(found.bytes, 29 + 11);
    }
}
