//! What the owner approved, what each component was found to be, and which skills are shown. Holds no policy: who may
//! replace what is decided before it gets here. Each write is whole or not at all.

use coworker_core::approval::Reviewed;
use coworker_core::{Digest, Tier, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::codec::{digest_at, time_at, unreadable};
use super::{Store, StoreError};

/// How many approvals of one file are kept, for rollback.
const HISTORY: i64 = 16;
/// How many components' findings are kept beyond those that an approval names.
const FINDINGS: i64 = 1_000;

pub(super) const TABLES: &str = "
CREATE TABLE examined (
  digest BLOB PRIMARY KEY, host TEXT NOT NULL, found TEXT, failure TEXT, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE approval (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, digest BLOB NOT NULL, reviewed TEXT NOT NULL,
  texts TEXT NOT NULL, how TEXT NOT NULL, parent INTEGER, at INTEGER NOT NULL
) STRICT;
CREATE INDEX approval_file ON approval (file, id);
CREATE TABLE skill_file (file TEXT PRIMARY KEY, current INTEGER, held TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE visibility (
  file TEXT NOT NULL, skill TEXT NOT NULL, exposed INTEGER NOT NULL, tier INTEGER, limits TEXT NOT NULL,
  PRIMARY KEY (file, skill)
) STRICT, WITHOUT ROWID;
CREATE TABLE served_name (skill TEXT PRIMARY KEY, file TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Counts looks that broke off. A failure on record from before may be the machine's: each is looked at once more.
pub(super) const BROKEN_OFF: &str = "
ALTER TABLE examined ADD COLUMN broke INTEGER NOT NULL DEFAULT 0;
DELETE FROM examined WHERE failure IS NOT NULL;
";

/// What a component was found to be.
#[derive(Clone, Debug, PartialEq)]
pub struct ExaminedRow {
    /// The component.
    pub digest: Digest,
    /// The version of the host that looked.
    pub host: String,
    /// What it is, or why it is nothing; as JSON text.
    pub outcome: Result<String, String>,
    /// In how many starts of the host the look broke off instead of ending with a verdict.
    pub broke: u32,
}

/// One recorded approval of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalRow {
    /// Its id.
    pub id: i64,
    /// The file.
    pub file: String,
    /// What was approved.
    pub reviewed: Reviewed,
    /// How it came about: `owner`, `serve`, `default` or `update`.
    pub how: String,
    /// What was approved before.
    pub parent: Option<i64>,
    /// When.
    pub at: Timestamp,
}

/// A new approval.
#[derive(Clone, Debug)]
pub struct Approve {
    /// The file.
    pub file: String,
    /// What is approved.
    pub reviewed: Reviewed,
    /// The text beside the component, as it was.
    pub texts: String,
    /// How it came about.
    pub how: &'static str,
    /// When.
    pub at: Timestamp,
    /// What else the same decision shows or hides.
    pub visibility: Vec<VisibilityRow>,
}

/// Whether one skill of one file is shown, and what the owner set for it.
#[derive(Clone, Debug, PartialEq)]
pub struct VisibilityRow {
    /// The file.
    pub file: String,
    /// The skill.
    pub skill: String,
    /// Whether the owner shows it.
    pub exposed: bool,
    /// The tier that the owner set.
    pub tier: Option<Tier>,
    /// Limits that the owner set, by key.
    pub limits: Map<String, Value>,
}

/// What is on record of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileRow {
    /// The approval in force.
    pub current: Option<ApprovalRow>,
    /// The state that the owner rolled back from, which waits until approved again.
    pub held: Option<String>,
}

/// Everything on record.
#[derive(Clone, Debug, Default)]
pub struct ApprovalRecords {
    /// What components were found to be.
    pub examined: Vec<ExaminedRow>,
    /// Files by name.
    pub files: Vec<(String, FileRow)>,
    /// What is shown.
    pub visibility: Vec<VisibilityRow>,
    /// Which file serves a name.
    pub names: Vec<(String, String)>,
}

impl Store {
    /// Returns everything on record, in one read.
    pub async fn approvals(&self) -> Result<ApprovalRecords, StoreError> {
        self.read(|c| {
            Ok(ApprovalRecords {
                examined: rows(
                    c,
                    "SELECT digest, host, found, failure, broke FROM examined",
                    examined_at,
                )?,
                files: files(c)?,
                visibility: rows(
                    c,
                    "SELECT file, skill, exposed, tier, limits FROM visibility",
                    visibility_at,
                )?,
                names: rows(c, "SELECT skill, file FROM served_name", |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?,
            })
        })
        .await
    }

    /// Records what a component was found to be.
    pub async fn put_examined(&self, row: ExaminedRow, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |c| {
            let (found, failure) = match row.outcome {
                Ok(found) => (Some(found), None),
                Err(failure) => (None, Some(failure)),
            };
            c.prepare_cached(
                "INSERT OR REPLACE INTO examined (digest, host, found, failure, broke, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![row.digest.as_bytes(), row.host, found, failure, row.broke, at.0])?;
            c.prepare_cached(
                "DELETE FROM examined WHERE digest IN (SELECT digest FROM examined \
                 WHERE digest NOT IN (SELECT digest FROM approval) ORDER BY at DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([FINDINGS])?;
            Ok(())
        })
        .await
    }

    /// Records an approval and puts it in force, with what it shows. Returns its id.
    pub async fn approve(&self, new: Approve) -> Result<ApprovalRow, StoreError> {
        self.write(move |c| {
            let parent: Option<i64> = c
                .prepare_cached("SELECT current FROM skill_file WHERE file = ?1")?
                .query_row([&new.file], |row| row.get(0))
                .optional()?
                .flatten();
            c.prepare_cached(
                "INSERT INTO approval (file, digest, reviewed, texts, how, parent, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                new.file,
                new.reviewed.digest.as_bytes(),
                serde_json::to_string(&new.reviewed).map_err(|_| StoreError::Unreadable { what: "approval" })?,
                new.texts,
                new.how,
                parent,
                new.at.0
            ])?;
            let id = c.last_insert_rowid();
            c.prepare_cached(
                "INSERT INTO skill_file (file, current, held) VALUES (?1, ?2, NULL) \
                 ON CONFLICT (file) DO UPDATE SET current = excluded.current, held = NULL",
            )?
            .execute(params![new.file, id])?;
            c.prepare_cached(
                "DELETE FROM approval WHERE id IN (SELECT id FROM approval WHERE file = ?1 \
                 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute(params![new.file, HISTORY])?;
            show(c, &new.visibility)?;
            Ok(ApprovalRow {
                id,
                file: new.file,
                reviewed: new.reviewed,
                how: new.how.to_owned(),
                parent,
                at: new.at,
            })
        })
        .await
    }

    /// Returns the approval before `id` that was of something else, if it is still on record.
    pub async fn approved_before(&self, id: i64) -> Result<Option<ApprovalRow>, StoreError> {
        self.read(move |c| {
            let Some(now) = approval(c, id)? else {
                return Ok(None);
            };
            let mut next = now.parent;
            while let Some(parent) = next {
                let Some(row) = approval(c, parent)? else {
                    return Ok(None);
                };
                if !row.reviewed.runs_the_same(&now.reviewed) {
                    return Ok(Some(row));
                }
                // Ids only grow, so that a parent is always older: a damaged row cannot make a circle.
                next = row.parent.filter(|older| *older < parent);
            }
            Ok(None)
        })
        .await
    }

    /// Puts an earlier approval in force; the state named by `held` waits until it is approved again.
    pub async fn roll_back(
        &self,
        file: String,
        to: i64,
        held: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("UPDATE skill_file SET current = ?2, held = ?3 WHERE file = ?1")?
                .execute(params![file, to, held])?;
            Ok(())
        })
        .await
    }

    /// Shows or hides skills, and keeps what the owner set for them.
    pub async fn set_visibility(&self, rows: Vec<VisibilityRow>) -> Result<(), StoreError> {
        self.write(move |c| show(c, &rows)).await
    }

    /// Records which file serves each of these names.
    pub async fn set_names(&self, names: Vec<(String, String)>) -> Result<(), StoreError> {
        self.write(move |c| {
            let mut put = c.prepare_cached(
                "INSERT OR REPLACE INTO served_name (skill, file) VALUES (?1, ?2)",
            )?;
            for (skill, file) in names {
                put.execute([skill, file])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns everything that an approval names, components and private texts, so that its copy must be kept.
    pub async fn approved_digests(&self) -> Result<Vec<Digest>, StoreError> {
        self.read(|c| {
            let mut all: Vec<Digest> = rows(c, "SELECT DISTINCT digest FROM approval", |row| {
                digest_at(row, 0)
            })?
            .into_iter()
            .flatten()
            .collect();
            let sql = "SELECT DISTINCT reviewed ->> 'private' FROM approval";
            let texts = rows(c, sql, |row| row.get::<_, Option<String>>(0))?;
            let texts = texts.into_iter().flatten();
            all.extend(texts.filter_map(|of| of.parse::<Digest>().ok()));
            Ok(all)
        })
        .await
    }
}

fn rows<T>(
    c: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn show(c: &Connection, rows: &[VisibilityRow]) -> Result<(), StoreError> {
    let mut put = c.prepare_cached(
        "INSERT OR REPLACE INTO visibility (file, skill, exposed, tier, limits) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in rows {
        let limits = Value::Object(row.limits.clone()).to_string();
        put.execute(params![
            row.file,
            row.skill,
            row.exposed,
            row.tier.map(Tier::level),
            limits
        ])?;
    }
    Ok(())
}

fn files(c: &Connection) -> Result<Vec<(String, FileRow)>, StoreError> {
    let mut statement = c.prepare_cached(
        "SELECT f.file, f.held, a.id, a.file, a.reviewed, a.how, a.parent, a.at \
         FROM skill_file f LEFT JOIN approval a ON a.id = f.current",
    )?;
    let read = |row: &Row<'_>| {
        let current = match row.get::<_, Option<i64>>(2)? {
            Some(_) => Some(approval_at(row, 2)?),
            None => None,
        };
        Ok((
            row.get(0)?,
            FileRow {
                current,
                held: row.get(1)?,
            },
        ))
    };
    let found = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn approval(c: &Connection, id: i64) -> Result<Option<ApprovalRow>, StoreError> {
    let sql = "SELECT id, file, reviewed, how, parent, at FROM approval WHERE id = ?1";
    Ok(c.prepare_cached(sql)?
        .query_row([id], |row| approval_at(row, 0))
        .optional()?)
}

fn approval_at(row: &Row<'_>, first: usize) -> rusqlite::Result<ApprovalRow> {
    Ok(ApprovalRow {
        id: row.get(first)?,
        file: row.get(first + 1)?,
        reviewed: json_at(row, first + 2, "approval")?,
        how: row.get(first + 3)?,
        parent: row.get(first + 4)?,
        at: time_at(row, first + 5)?,
    })
}

fn examined_at(row: &Row<'_>) -> rusqlite::Result<ExaminedRow> {
    let digest =
        digest_at(row, 0)?.ok_or_else(|| unreadable(0, rusqlite::types::Type::Blob, "digest"))?;
    let outcome = match row.get::<_, Option<String>>(2)? {
        Some(found) => Ok(found),
        None => Err(row.get::<_, Option<String>>(3)?.unwrap_or_default()),
    };
    Ok(ExaminedRow {
        digest,
        host: row.get(1)?,
        outcome,
        broke: row.get(4)?,
    })
}

fn visibility_at(row: &Row<'_>) -> rusqlite::Result<VisibilityRow> {
    let tier = match row.get::<_, Option<u8>>(3)? {
        Some(level) => Some(
            Tier::from_level(level)
                .ok_or_else(|| unreadable(3, rusqlite::types::Type::Integer, "tier"))?,
        ),
        None => None,
    };
    Ok(VisibilityRow {
        file: row.get(0)?,
        skill: row.get(1)?,
        exposed: row.get(2)?,
        tier,
        limits: json_at(row, 4, "limits")?,
    })
}

fn json_at<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|_| unreadable(column, rusqlite::types::Type::Text, what))
}
