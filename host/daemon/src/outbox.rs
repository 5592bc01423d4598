//! What leaves. Every message is on disk until the other side confirmed it; a peer that cannot be reached costs a row on
//! disk and a timer, and delays nobody else.

mod lane;
mod marks;
mod owed;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coworker_core::{Bytes, PeerId, TaskId, Tier};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::lane::{Lane, Lanes};
use self::marks::Marks;
use self::owed::Owed;
use crate::clock;
use crate::store::{Delivery, OutRow, Question, Store, StoreError};
use crate::tasks::Tasks;
use crate::transport::{Outgoing, SendError};

/// Rows of one peer that are held in memory; the others wait on disk.
const PAGE: usize = 256;
/// Messages of one peer on the wire and not yet confirmed.
const WINDOW: usize = 64;
/// The pauses between tries grow from the first to the last, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// The way to the sending loop.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    commands: mpsc::UnboundedSender<Command>,
    load: Arc<AtomicUsize>,
    asleep: Asleep,
    owed: Owed,
}

/// Peers that are left alone for a while, shared so that a message from anybody else costs the loop nothing.
type Asleep = Arc<Mutex<HashSet<PeerId>>>;

#[derive(Debug)]
enum Command {
    /// A row that is on disk, to leave not before a point in time.
    Send {
        row: OutRow,
        release: Option<Instant>,
    },
    /// Something came from this peer, or is on disk for it: try.
    Awake(PeerId),
    /// Send nothing more of what waits in memory for this peer: the disk has changed.
    Reload(PeerId),
    /// This row is no longer wanted.
    Withdraw(PeerId, i64),
}

impl Outbox {
    /// Starts the sending loop over a transport's outbox, with what earlier runs left.
    pub async fn open(
        store: Store,
        out: mpsc::Sender<Outgoing>,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        let (commands, orders) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let asleep = Asleep::default();
        let outbox = Self {
            store: store.clone(),
            commands,
            load: load.clone(),
            asleep: asleep.clone(),
            owed: Owed::default(),
        };
        let rows = store.outbox_sums().await?;
        for (peer, _, _) in &rows {
            outbox.order(Command::Awake(peer.clone()));
        }
        outbox.owed.reset(rows);
        let sender = Sender {
            store,
            out,
            lanes: Lanes::default(),
            sending: FuturesUnordered::new(),
            delayed: FuturesUnordered::new(),
            load,
            asleep,
            owed: outbox.owed.clone(),
            marks: Marks::default(),
            behind: Vec::new(),
        };
        tasks.spawn(sender.run(orders, tasks.clone()));
        Ok(outbox)
    }

    /// Puts a message on disk and on its way. Returns its row.
    pub async fn push(
        &self,
        peer: PeerId,
        bytes: Vec<u8>,
        task: Option<TaskId>,
    ) -> Result<i64, StoreError> {
        let message_id = clock::long_token();
        let (to, copy) = (peer.clone(), bytes.clone());
        let stored = self
            .store
            .push(to, copy, task, message_id.clone(), Delivery::AtLeastOnce);
        let id = stored.await?;
        self.send(
            OutRow {
                id,
                peer,
                bytes,
                task,
                message_id,
                delivery: Delivery::AtLeastOnce,
            },
            None,
        );
        Ok(id)
    }

    /// Notes a question, and puts it on disk with that and on its way. Returns its row.
    pub async fn ask(&self, question: Question) -> Result<i64, StoreError> {
        let Question {
            peer,
            bytes,
            message_id,
            ..
        } = question.clone();
        let (id, delivery) = self.store.ask(question).await?;
        self.send(
            OutRow {
                id,
                peer,
                bytes,
                task: None,
                message_id,
                delivery,
            },
            None,
        );
        Ok(id)
    }

    /// Sends a row that is already on disk, at the earliest at `release`.
    pub fn send(&self, row: OutRow, release: Option<Instant>) {
        self.owed.add(&row.peer, row.bytes.len());
        self.order(Command::Send { row, release });
    }

    /// Notes that a peer can be reached, so that what waits for it need not wait longer.
    pub fn awake(&self, peer: &PeerId) {
        if lock(&self.asleep).remove(peer) {
            self.order(Command::Awake(peer.clone()));
        }
    }

    /// Notes that the network is back, so that nobody need wait longer.
    pub fn awake_all(&self) {
        let sleepers: Vec<PeerId> = lock(&self.asleep).drain().collect();
        for peer in sleepers {
            self.order(Command::Awake(peer));
        }
    }

    /// Forgets what is held in memory for a peer whose rows were dropped.
    pub fn reload(&self, peer: &PeerId) {
        self.owed.forget(peer);
        self.order(Command::Reload(peer.clone()));
    }

    /// Takes a message back if it has not left.
    pub async fn withdraw(&self, peer: &PeerId, row: i64) -> Result<(), StoreError> {
        self.order(Command::Withdraw(peer.clone(), row));
        self.owed.is_stale();
        self.store.drop_outgoing(row).await
    }

    /// Returns whether a peer has to take what waits for it before it is served again. `room` is how large the database
    /// may be.
    pub fn is_too_much(&self, peer: &PeerId, tier: Tier, room: Bytes) -> bool {
        self.owed.is_too_much(peer, tier, room)
    }

    /// Asks the disk what waits, where that may have changed unseen. `dropped`: rows were given up.
    pub async fn recount(&self, dropped: bool) -> Result<(), StoreError> {
        if self.owed.take_stale() || dropped {
            self.owed.reset(self.store.outbox_sums().await?);
        }
        Ok(())
    }

    /// Forgets a message whose row is gone, if it has not left.
    pub fn leave_out(&self, peer: &PeerId, row: i64) {
        self.order(Command::Withdraw(peer.clone(), row));
        self.owed.is_stale();
    }

    /// Returns how many messages are on their way to peers that can be reached.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    fn order(&self, command: Command) {
        // A loop that has ended is a host that stops: the row is on disk and leaves at the next start.
        let _ = self.commands.send(command);
    }
}

fn lock(asleep: &Asleep) -> MutexGuard<'_, HashSet<PeerId>> {
    // Every change under the lock is complete in itself, so a poisoned lock holds good data.
    asleep.lock().unwrap_or_else(PoisonError::into_inner)
}

type Sent = (OutRow, Result<(), SendError>);

struct Sender {
    store: Store,
    out: mpsc::Sender<Outgoing>,
    lanes: Lanes,
    sending: FuturesUnordered<BoxFuture<'static, Sent>>,
    delayed: FuturesUnordered<BoxFuture<'static, OutRow>>,
    load: Arc<AtomicUsize>,
    asleep: Asleep,
    owed: Owed,
    marks: Marks,
    /// Peers of whom the disk showed only what has left and is not marked yet.
    behind: Vec<PeerId>,
}

impl Sender {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Command>, tasks: Tasks) {
        loop {
            self.load
                .store(self.lanes.load() + self.delayed.len(), Ordering::Relaxed);
            let wake = self.lanes.next_wake();
            tokio::select! {
                () = tasks.stopped() => return self.marks.finish(&self.store).await,
                order = orders.recv() => match order {
                    Some(order) => {
                        self.obey(order).await;
                        // Whatever else has come is taken in the same round.
                        while let Ok(order) = orders.try_recv() {
                            self.obey(order).await;
                        }
                    }
                    None => return,
                },
                Some(row) = self.delayed.next() => self.enqueue(row),
                Some(sent) = self.sending.next() => {
                    let mut done = vec![sent];
                    while let Some(Some(sent)) = futures::FutureExt::now_or_never(self.sending.next()) {
                        done.push(sent);
                    }
                    self.settle(done);
                }
                () = self.marks.turn(&self.store) => {
                    for peer in std::mem::take(&mut self.behind) {
                        self.lanes.get(&peer);
                    }
                }
                () = sleep_until(wake) => self.wake_sleepers(),
            }
            self.fill_and_send().await;
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Send {
                row,
                release: Some(release),
            } if release > Instant::now() => {
                self.delayed.push(Box::pin(async move {
                    tokio::time::sleep_until(release).await;
                    row
                }));
            }
            Command::Send { row, .. } => self.enqueue(row),
            Command::Awake(peer) => {
                let lane = self.lanes.open(&peer);
                // A peer that had no lane may still have rows from an earlier run.
                lane.more |= lane.waiting.is_empty() && lane.on_the_wire == 0;
                lane.asleep_until = None;
            }
            Command::Reload(peer) => {
                if let Some(lane) = self.lanes.get(&peer) {
                    lane.forget_waiting();
                }
            }
            Command::Withdraw(peer, id) => {
                if let Some(lane) = self.lanes.get(&peer) {
                    lane.waiting.retain(|row| row.id != id);
                    lane.held.remove(&id);
                }
            }
        }
    }

    fn enqueue(&mut self, row: OutRow) {
        let lane = self.lanes.open(&row.peer);
        if lane.asleep_until.is_some() || lane.more || lane.waiting.len() >= PAGE {
            lane.more = true;
        } else if !self.marks.holds(row.id) && lane.held.insert(row.id) {
            lane.waiting.push_back(row);
        }
    }

    fn wake_sleepers(&mut self) {
        let woken = self.lanes.wake(Instant::now());
        let mut asleep = lock(&self.asleep);
        for peer in &woken {
            asleep.remove(peer);
        }
    }

    /// Reads further rows for lanes that ran dry, and puts messages on the wire.
    async fn fill_and_send(&mut self) {
        for peer in self.lanes.touched() {
            if self.lanes.get(&peer).is_some_and(|lane| lane.is_dry()) {
                self.fill(&peer).await;
            }
            if let Some(lane) = self.lanes.get(&peer)
                && lane.asleep_until.is_none()
            {
                put_on_the_wire(lane, (&self.store, &self.out), &self.sending);
            }
            self.lanes.settle(&peer);
        }
    }

    async fn fill(&mut self, peer: &PeerId) {
        let rows = self.store.outgoing(peer, clock::now(), PAGE).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "what waits to be sent cannot be read");
                return self.rest(peer);
            }
        };
        if let Some(lane) = self.lanes.get(peer) {
            lane.more = rows.len() == PAGE;
            let rows: Vec<OutRow> = rows
                .into_iter()
                .filter(|row| !self.marks.holds(row.id))
                .collect();
            lane.held.extend(rows.iter().map(|row| row.id));
            lane.waiting.extend(rows);
            if lane.is_dry() {
                self.behind.push(peer.clone());
            }
        }
    }

    fn settle(&mut self, done: Vec<Sent>) {
        for (row, outcome) in done {
            let Some(lane) = self.lanes.get(&row.peer) else {
                continue;
            };
            lane.on_the_wire = lane.on_the_wire.saturating_sub(1);
            lane.held.remove(&row.id);
            match outcome {
                Ok(()) => {
                    lane.failures = 0;
                    self.marks.add(row.id);
                    self.owed.paid(&row.peer, row.bytes.len());
                }
                Err(SendError::Impossible(why)) => {
                    tracing::warn!(peer = %row.peer, why, "a message can never be sent and is dropped");
                    self.owed.paid(&row.peer, row.bytes.len());
                }
                Err(SendError::Unconfirmed) if row.delivery != Delivery::AtLeastOnce => {
                    tracing::warn!(peer = %row.peer, "a request may not have left, and is not sent again: the peer would run it twice");
                    self.marks.add(row.id);
                    self.owed.paid(&row.peer, row.bytes.len());
                    // What comes next need not come back for its sake.
                    self.lanes.next_round();
                }
                Err(error @ (SendError::Unreachable(_) | SendError::Unconfirmed)) => {
                    tracing::debug!(peer = %row.peer, %error, "a message did not leave");
                    self.rest(&row.peer);
                }
            }
        }
    }

    /// Lets a peer that cannot be reached alone for a while. What waits for it stays on disk only.
    fn rest(&mut self, peer: &PeerId) {
        let round = self.lanes.next_round();
        let Some(lane) = self.lanes.get(peer) else {
            return;
        };
        lane.forget_waiting();
        lane.more = true;
        lane.round = round;
        if lane.asleep_until.is_none() {
            let pause = clock::pause(FIRST_PAUSE, LAST_PAUSE, lane.failures);
            lane.failures = lane.failures.saturating_add(1);
            lane.asleep_until = Some(Instant::now() + pause);
            lock(&self.asleep).insert(peer.clone());
        }
    }
}

/// Sends what the lane's window has room for.
fn put_on_the_wire(
    lane: &mut Lane,
    (store, out): (&Store, &mpsc::Sender<Outgoing>),
    sending: &FuturesUnordered<BoxFuture<'static, Sent>>,
) {
    while lane.on_the_wire < WINDOW {
        let Some(row) = lane.waiting.pop_front() else {
            break;
        };
        lane.on_the_wire += 1;
        sending.push(Box::pin(carry(store.clone(), out.clone(), row, lane.round)));
    }
}

async fn carry(store: Store, out: mpsc::Sender<Outgoing>, row: OutRow, round: u64) -> Sent {
    let sent = match row.delivery {
        Delivery::AtLeastOnce => offer(&out, &row, round).await,
        // The process ended, or the transport broke, in the middle of it.
        Delivery::AtMostOnce { tried: true } => Err(SendError::Unconfirmed),
        Delivery::AtMostOnce { tried: false } => try_once(&store, &out, &row, round).await,
    };
    if matches!(sent, Err(SendError::Impossible(_)))
        && let Err(error) = store.drop_outgoing(row.id).await
    {
        tracing::error!(%error, "a message that can never be sent could not be dropped");
    }
    (row, sent)
}

/// Sends a message with the attempt on disk before it, and taken back if it surely did not leave.
async fn try_once(
    store: &Store,
    out: &mpsc::Sender<Outgoing>,
    row: &OutRow,
    round: u64,
) -> Result<(), SendError> {
    let failed = |error: StoreError| SendError::Unreachable(error.to_string());
    store.tried(row.id, true).await.map_err(failed)?;
    let sent = offer(out, row, round).await;
    if matches!(sent, Err(SendError::Unreachable(_)))
        && let Err(error) = store.tried(row.id, false).await
    {
        tracing::error!(%error, "a request that did not leave counts as one that may have");
    }
    sent
}

async fn offer(out: &mpsc::Sender<Outgoing>, row: &OutRow, round: u64) -> Result<(), SendError> {
    let (done, outcome) = oneshot::channel();
    let message = Outgoing {
        to: row.peer.clone(),
        id: row.message_id.clone(),
        bytes: row.bytes.clone(),
        round,
        done,
    };
    match out.send(message).await {
        Ok(()) => outcome.await.unwrap_or(Err(SendError::Unconfirmed)),
        Err(_) => Err(SendError::Unreachable(
            "the transport has stopped".to_owned(),
        )),
    }
}

async fn sleep_until(point: Option<Instant>) {
    match point {
        Some(point) => tokio::time::sleep_until(point).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
