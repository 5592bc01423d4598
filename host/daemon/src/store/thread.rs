//! The one thread that touches the database. It drains what waits into one transaction, and answers nobody before the
//! commit: what was acknowledged survives the power plug. A write that can fail half way has a savepoint of its own; one
//! that can only fail with the database itself takes the whole batch with it, and the next batches are written with care.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use super::along::Along;
use super::health::Health;
use super::wal::Room;
use super::{Db, StoreError};

/// The most jobs of one transaction: enough to spread one sync over many callers, few enough that the first of them
/// does not wait long.
pub(super) const BATCH: usize = 256;

/// How many batches are written with a savepoint for each write after one was taken back as a whole: what made it fail may
/// come again, and is alone then.
const CAREFUL: u32 = 256;

/// How many batches a command may write that is over soon: for those the log needs no room.
const FEW: u32 = 16;

/// What the thread is asked to do.
pub(super) enum Order {
    /// A write that is undone alone if it fails.
    Write(Box<dyn Work>),
    /// A write that changes nothing before the last point at which it can fail by itself: copying every page before its
    /// first change, as a savepoint does, would be for nothing.
    WholeWrite(Box<dyn Work>),
    Read(Box<dyn Work>),
    /// What waits for company has waited long enough.
    Hurry,
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// A piece of work that runs once and is answered once, with a commit in between.
pub(super) trait Work: Send {
    /// Runs the work and keeps its result. Returns what failed, if it failed.
    fn run(&mut self, db: &Db) -> Result<(), StoreError>;
    /// Replaces the result: the work was not done, or not kept.
    fn refuse(&mut self, error: StoreError);
    /// Sends the result, or the reason why the commit took it back.
    fn settle(self: Box<Self>, lost: Option<&StoreError>);
}

/// The usual piece of work: a closure and the place its result goes to.
pub(super) struct Job<T, F> {
    work: Option<F>,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job<T, F>
where
    F: FnOnce(&Db) -> Result<T, StoreError>,
{
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self {
            work: Some(work),
            result: Err(StoreError::BrokeOff),
            reply,
        }
    }
}

impl<T, F> Work for Job<T, F>
where
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    fn run(&mut self, db: &Db) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            // A panic in one piece of work must not take the store away from everybody else.
            self.result =
                catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or(Err(StoreError::BrokeOff));
        }
        match &self.result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Err(error);
    }

    fn settle(self: Box<Self>, lost: Option<&StoreError>) {
        let result = match (self.result, lost) {
            (Ok(_), Some(error)) => Err(error.clone()),
            (result, _) => result,
        };
        // The caller may have gone away; what it asked for is done all the same.
        let _ = self.reply.send(result);
    }
}

/// Serves orders until the store is closed or nobody is left who could give any.
pub(super) fn serve(
    db: Db,
    mut orders: mpsc::Receiver<Order>,
    along: &Along,
    health: &Health,
    mut log: Room,
) {
    // However this thread ends, the owner hears that the store is closed.
    let _closed = EndNotice(health);
    let mut waiting = Vec::with_capacity(BATCH);
    let (mut careful, mut batches) = (0, 0_u32);
    loop {
        if batches > FEW {
            while orders.is_empty() && log.grow() {}
        }
        batches = batches.saturating_add(1);
        let came = orders.blocking_recv_many(&mut waiting, BATCH);
        along.join(&mut waiting);
        if came == 0 {
            along.close(&mut waiting);
            settle(&db, health, &mut waiting, &mut careful);
            return;
        }
        if let Some(reply) = settle(&db, health, &mut waiting, &mut careful) {
            orders.close();
            // What was sent before the door closed still counts.
            while orders.blocking_recv_many(&mut waiting, BATCH) > 0 {
                settle(&db, health, &mut waiting, &mut careful);
            }
            along.close(&mut waiting);
            settle(&db, health, &mut waiting, &mut careful);
            let ended = super::deaths::end_cleanly(&db).and_then(|()| db.close());
            let _ = reply.send(ended);
            return;
        }
    }
}

/// Says that nothing is written any more, when the thread ends.
struct EndNotice<'a>(&'a Health);

impl Drop for EndNotice<'_> {
    fn drop(&mut self) {
        self.0.meet(&StoreError::Closed);
    }
}

/// Runs one batch in one transaction and answers it. Returns where to report the end, if the batch asked for it.
fn settle(
    db: &Db,
    health: &Health,
    waiting: &mut Vec<Order>,
    careful: &mut u32,
) -> Option<oneshot::Sender<Result<(), StoreError>>> {
    let mut done: Vec<Box<dyn Work>> = Vec::with_capacity(waiting.len());
    let mut closing = None;
    let mut open = false;
    let with_care = *careful > 0;
    *careful = careful.saturating_sub(1);
    for order in waiting.drain(..) {
        let alone = with_care || matches!(order, Order::Write(_));
        match order {
            Order::Close(reply) => closing = Some(reply),
            Order::Hurry => {}
            // A read inside an open transaction sees writes that may yet be lost: it is answered with them.
            Order::Read(mut work) => {
                if let Err(error) = work.run(db) {
                    health.meet(&error);
                }
                if open {
                    done.push(work);
                } else {
                    work.settle(None);
                }
            }
            Order::Write(mut work) | Order::WholeWrite(mut work) => {
                if let Some(error) = health.forbids() {
                    work.refuse(error);
                    work.settle(None);
                    continue;
                }
                if !open {
                    if let Err(error) = run(db, "BEGIN IMMEDIATE") {
                        health.meet(&error);
                        work.refuse(error);
                        work.settle(None);
                        continue;
                    }
                    open = true;
                }
                let kept = if alone {
                    write(db, work.as_mut())
                } else {
                    work.run(db)
                };
                if let Err(error) = &kept {
                    health.meet(error);
                    work.refuse(error.clone());
                    if !alone && error.is_of_the_database() {
                        *careful = CAREFUL;
                        let _ = run(db, "ROLLBACK");
                    }
                }
                done.push(work);
                // Some failures (a full disk, an I/O error) make SQLite take the whole transaction back at once.
                if db.is_autocommit() {
                    db.taken_back();
                    let error = kept.err().unwrap_or(StoreError::BrokeOff);
                    answer(&mut done, Some(&error));
                    open = false;
                }
            }
        }
    }
    let lost = if open {
        let ended = run(db, "COMMIT");
        match &ended {
            Ok(()) => health.kept(),
            Err(error) => health.meet(error),
        }
        if ended.is_err() {
            if !db.is_autocommit() {
                // The commit failed but the transaction stands; without this it would swallow the next batch.
                let _ = run(db, "ROLLBACK");
            }
            db.taken_back();
        }
        ended.err()
    } else {
        None
    };
    answer(&mut done, lost.as_ref());
    closing
}

/// Runs one write in a savepoint, so that it alone is undone if it fails.
fn write(db: &Db, work: &mut dyn Work) -> Result<(), StoreError> {
    run(db, "SAVEPOINT work")?;
    let before = db.log_changes();
    let kept = work.run(db);
    if db.is_autocommit() {
        return kept;
    }
    if kept.is_err() {
        if db.log_changes() != before {
            db.taken_back();
        }
        run(db, "ROLLBACK TO work")?;
    }
    run(db, "RELEASE work")?;
    kept
}

fn answer(done: &mut Vec<Box<dyn Work>>, lost: Option<&StoreError>) {
    for work in done.drain(..) {
        work.settle(lost);
    }
}

fn run(db: &Db, statement: &str) -> Result<(), StoreError> {
    db.prepare_cached(statement)?.execute([])?;
    Ok(())
}
