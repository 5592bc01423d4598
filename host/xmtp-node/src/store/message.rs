//! Group messages and welcomes: appended, read in pages, never changed.

use bytes::Bytes;
use rusqlite::{Connection, Row, params};
use sha2::{Digest, Sha256};

use super::budget::Budget;
use super::live::{Fresh, live};
use super::page::{blob, number};
use super::usage::{Scope, charge};
use super::{Page, Paged, Store, StoreError, from_sql};
use crate::proto::mls::{GroupMessage, GroupMessageV1, WelcomeMessage, WelcomePointer, WelcomeV1};

/// A message to a group whose frame was read.
#[derive(Debug)]
pub(crate) struct NewGroupMessage {
    pub(crate) group_id: Bytes,
    pub(crate) is_commit: bool,
    pub(crate) data: Bytes,
    pub(crate) sender_hmac: Bytes,
    pub(crate) should_push: bool,
}

/// A welcome, or a pointer to one: they share a sequence.
#[derive(Debug)]
pub(crate) struct NewWelcome {
    pub(crate) installation: Bytes,
    pub(crate) is_pointer: bool,
    pub(crate) data: Bytes,
    pub(crate) hpke_key: Bytes,
    pub(crate) algorithm: i32,
    pub(crate) metadata: Bytes,
}

impl Store {
    /// Appends messages, all or none. One that is here already is left out and counts as sent.
    pub(crate) async fn send_group(
        &self,
        messages: Vec<NewGroupMessage>,
    ) -> Result<(), StoreError> {
        let limits = self.limits.clone();
        self.write(move |connection, fresh| {
            for message in messages {
                let NewGroupMessage {
                    group_id,
                    is_commit,
                    data,
                    sender_hmac,
                    should_push,
                } = message;
                let created = fresh.now_ns();
                let added = connection
                    .prepare_cached(
                        "INSERT INTO group_message
                         (created_ns, group_id, data, sender_hmac, should_push, is_commit, digest)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (digest) DO NOTHING",
                    )?
                    .execute(params![
                        created,
                        group_id.as_ref(),
                        data.as_ref(),
                        sender_hmac.as_ref(),
                        should_push,
                        is_commit,
                        digest(0, &group_id, &data)
                    ])?;
                if added == 0 {
                    continue;
                }
                charge(
                    connection,
                    &limits,
                    Scope::Group,
                    &group_id,
                    data.len() + sender_hmac.len(),
                )?;
                let message = GroupMessage {
                    v1: Some(GroupMessageV1 {
                        id: from_sql(connection.last_insert_rowid()),
                        created_ns: from_sql(created),
                        group_id: group_id.clone(),
                        data,
                        sender_hmac,
                        should_push,
                        is_commit,
                    }),
                };
                fresh.groups.push(live(group_id, message));
            }
            Ok(())
        })
        .await
    }

    /// Appends welcomes, all or none.
    pub(crate) async fn send_welcomes(&self, welcomes: Vec<NewWelcome>) -> Result<(), StoreError> {
        let limits = self.limits.clone();
        self.write(move |connection, fresh| {
            for welcome in welcomes {
                add_welcome(connection, &limits, welcome, fresh)?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the newest message of each group, in the order of `groups`, with or without what it says.
    pub(crate) async fn newest(
        &self,
        groups: Vec<Bytes>,
        with_content: bool,
    ) -> Result<Vec<Option<GroupMessage>>, StoreError> {
        self.read(move |connection| {
            let mut budget = Budget::new();
            groups
                .iter()
                .map(|group| {
                    let newest = if with_content {
                        group_page(connection, group, Page::newest())?
                    } else {
                        outlines(connection, group, Page::newest())?
                    };
                    budget.take(newest.bytes)?;
                    Ok(newest.rows.into_iter().next())
                })
                .collect()
        })
        .await
    }
}

fn add_welcome(
    connection: &Connection,
    limits: &crate::config::NodeLimits,
    welcome: NewWelcome,
    fresh: &mut Fresh,
) -> Result<(), StoreError> {
    let NewWelcome {
        installation,
        is_pointer,
        data,
        hpke_key,
        algorithm,
        metadata,
    } = welcome;
    let created = fresh.now_ns();
    let added = connection
        .prepare_cached(
            "INSERT INTO welcome
             (created_ns, installation, is_pointer, data, hpke_key, algorithm, metadata, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (digest) DO NOTHING",
        )?
        .execute(params![
            created,
            installation.as_ref(),
            is_pointer,
            data.as_ref(),
            hpke_key.as_ref(),
            algorithm,
            metadata.as_ref(),
            digest(1 + u8::from(is_pointer), &installation, &data)
        ])?;
    if added == 0 {
        return Ok(());
    }
    charge(
        connection,
        limits,
        Scope::Installation,
        &installation,
        data.len() + hpke_key.len() + metadata.len(),
    )?;
    let row = WelcomeRow {
        id: from_sql(connection.last_insert_rowid()),
        created_ns: from_sql(created),
        installation: installation.clone(),
        is_pointer,
        data,
        hpke_key,
        algorithm,
        metadata,
    };
    fresh.welcomes.push(live(installation, row.message()));
    Ok(())
}

struct WelcomeRow {
    id: u64,
    created_ns: u64,
    installation: Bytes,
    is_pointer: bool,
    data: Bytes,
    hpke_key: Bytes,
    algorithm: i32,
    metadata: Bytes,
}

impl WelcomeRow {
    fn message(self) -> WelcomeMessage {
        if self.is_pointer {
            return WelcomeMessage {
                v1: None,
                pointer: Some(WelcomePointer {
                    id: self.id,
                    created_ns: self.created_ns,
                    installation_key: self.installation,
                    welcome_pointer: self.data,
                    hpke_public_key: self.hpke_key,
                    wrapper_algorithm: self.algorithm,
                }),
            };
        }
        WelcomeMessage {
            v1: Some(WelcomeV1 {
                id: self.id,
                created_ns: self.created_ns,
                installation_key: self.installation,
                data: self.data,
                hpke_public_key: self.hpke_key,
                wrapper_algorithm: self.algorithm,
                welcome_metadata: self.metadata,
            }),
            pointer: None,
        }
    }
}

pub(super) fn group_page(
    connection: &Connection,
    topic: &[u8],
    page: Page,
) -> Result<Paged<GroupMessage>, StoreError> {
    const SELECT: &str =
        "SELECT id, created_ns, group_id, data, sender_hmac, should_push, is_commit
                          FROM group_message WHERE group_id = ?1";
    group_rows(connection, SELECT, topic, page)
}

/// The same without what the messages say. It is not read either: a question for many groups would read much for nothing.
fn outlines(
    connection: &Connection,
    topic: &[u8],
    page: Page,
) -> Result<Paged<GroupMessage>, StoreError> {
    const SELECT: &str = "SELECT id, created_ns, group_id, x'', x'', should_push, is_commit
                          FROM group_message WHERE group_id = ?1";
    group_rows(connection, SELECT, topic, page)
}

fn group_rows(
    connection: &Connection,
    select: &str,
    topic: &[u8],
    page: Page,
) -> Result<Paged<GroupMessage>, StoreError> {
    let mut statement = connection.prepare_cached(&page.statement(select, "id"))?;
    page.read(&mut statement, topic, |row: &Row<'_>| {
        Ok(GroupMessage {
            v1: Some(GroupMessageV1 {
                id: number(row, 0)?,
                created_ns: number(row, 1)?,
                group_id: blob(row, 2)?,
                data: blob(row, 3)?,
                sender_hmac: blob(row, 4)?,
                should_push: row.get(5)?,
                is_commit: row.get(6)?,
            }),
        })
    })
}

pub(super) fn welcome_page(
    connection: &Connection,
    topic: &[u8],
    page: Page,
) -> Result<Paged<WelcomeMessage>, StoreError> {
    const SELECT: &str =
        "SELECT id, created_ns, installation, is_pointer, data, hpke_key, algorithm, metadata
                          FROM welcome WHERE installation = ?1";
    let mut statement = connection.prepare_cached(&page.statement(SELECT, "id"))?;
    page.read(&mut statement, topic, |row: &Row<'_>| {
        let row = WelcomeRow {
            id: number(row, 0)?,
            created_ns: number(row, 1)?,
            installation: blob(row, 2)?,
            is_pointer: row.get(3)?,
            data: blob(row, 4)?,
            hpke_key: blob(row, 5)?,
            algorithm: row.get(6)?,
            metadata: blob(row, 7)?,
        };
        Ok(row.message())
    })
}

/// What makes a message the same as another one: where it goes and what it says.
fn digest(kind: u8, topic: &[u8], data: &[u8]) -> [u8; 32] {
    let length = u64::try_from(topic.len()).unwrap_or(u64::MAX);
    Sha256::new()
        .chain_update([kind])
        .chain_update(length.to_be_bytes())
        .chain_update(topic)
        .chain_update(data)
        .finalize()
        .into()
}
