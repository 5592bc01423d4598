//! The thread that writes. It drains what waits into one transaction, each write in a savepoint of its own, and answers
//! nobody before the commit; subscribers hear of it after the commit and in the order of the ids.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::live::Fresh;

/// The most writes of one transaction.
const BATCH: usize = 256;

/// What the thread is asked to do.
pub(super) enum Order {
    Write(Write),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Done = (Result<(), StoreError>, Answer);
type Work = Box<dyn FnOnce(&Connection, &mut Fresh) -> Done + Send>;

/// Work that is done in one step and answered in another, with the commit in between.
pub(super) struct Write(Work);

impl Write {
    pub(super) fn new<T: Send + 'static>(
        work: impl FnOnce(&Connection, &mut Fresh) -> Result<T, StoreError> + Send + 'static,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self(Box::new(move |connection, fresh| {
            // A panic in one piece of work must not take the store away from everybody else.
            let result = catch_unwind(AssertUnwindSafe(|| work(connection, fresh)))
                .unwrap_or(Err(StoreError::Closed));
            let kept = result.as_ref().map(drop).map_err(Clone::clone);
            let answer: Answer = Box::new(move |committed| {
                // Whoever asked may have gone away; it is done all the same.
                let _ = reply.send(result.and_then(|value| committed.map(|()| value)));
            });
            (kept, answer)
        }))
    }
}

/// Whom to tell that the store is closed, and how that went.
pub(super) type Closing = (
    oneshot::Sender<Result<(), StoreError>>,
    Result<(), StoreError>,
);

/// Serves orders until the store is closed or nobody is left who could give any.
pub(super) fn serve(
    connection: Connection,
    mut orders: mpsc::Receiver<Order>,
    mut fresh: Fresh,
    publish: impl Fn(&mut Fresh),
) -> Option<Closing> {
    let mut waiting = Vec::with_capacity(BATCH);
    while orders.blocking_recv_many(&mut waiting, BATCH) > 0 {
        let mut closing = None;
        let writes = waiting
            .drain(..)
            .filter_map(|order| match order {
                Order::Write(write) => Some(write),
                Order::Close(reply) => {
                    closing = Some(reply);
                    None
                }
            })
            .collect();
        commit(&connection, writes, &mut fresh, &publish);
        if let Some(reply) = closing {
            // What still waits is dropped, and with it the places where answers are waited for.
            let closed = connection.close().map_err(|(_, error)| error.into());
            return Some((reply, closed));
        }
    }
    None
}

/// Does all of `writes` in one transaction and answers them.
fn commit(
    connection: &Connection,
    writes: Vec<Write>,
    fresh: &mut Fresh,
    publish: &impl Fn(&mut Fresh),
) {
    if writes.is_empty() {
        return;
    }
    let mut answers: Vec<Answer> = Vec::with_capacity(writes.len());
    let mut lost = run(connection, "BEGIN IMMEDIATE").err();
    for Write(work) in writes {
        if lost.is_some() {
            // Not begun: dropping the work drops its reply, which says so.
            continue;
        }
        let mark = fresh.mark();
        let (kept, answer) = match run(connection, "SAVEPOINT work") {
            Ok(()) => work(connection, fresh),
            Err(error) => {
                lost = Some(error);
                continue;
            }
        };
        answers.push(answer);
        // Some failures (a full disk, an I/O error) make SQLite take the whole transaction back at once.
        if connection.is_autocommit() {
            lost = Some(kept.err().unwrap_or(StoreError::Closed));
            continue;
        }
        let undone = if kept.is_err() {
            fresh.cut(mark);
            run(connection, "ROLLBACK TO work")
        } else {
            Ok(())
        };
        lost = undone.and_then(|()| run(connection, "RELEASE work")).err();
    }
    if lost.is_none() {
        lost = run(connection, "COMMIT").err();
    }
    if !connection.is_autocommit() {
        // Without this a transaction that could not be committed would swallow the next batch.
        let _ = run(connection, "ROLLBACK");
    }
    match lost {
        None => {
            publish(fresh);
            answers.into_iter().for_each(|answer| answer(Ok(())));
        }
        Some(error) => {
            fresh.cut((0, 0));
            answers
                .into_iter()
                .for_each(|answer| answer(Err(error.clone())));
        }
    }
}

fn run(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
