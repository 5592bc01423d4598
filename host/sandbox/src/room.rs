//! What one call has at hand. Made for the call, dropped with it: nothing in here can be reached by another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coworker_core::{Job, Limits};
use wasmtime::component::{HasData, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::error::Which;
use crate::event::EventSender;
use crate::imports::llm::Models;
use crate::imports::state::Memory;
use crate::journal::Journal;
use crate::limiter::Budget;
use crate::meter::Meter;
use crate::port::Ports;
use crate::ticker::TICK;
use crate::wasi::http::Hooks;
use crate::wasi::random::Dice;

/// A limit was reached in the middle of guest code: the error that ends the call.
#[derive(Debug, thiserror::Error)]
#[error("limit reached: {0}")]
pub(crate) struct Breach(pub(crate) Which);

/// The journal of a call, shared with its standard streams.
pub(crate) type SharedJournal = Arc<Mutex<Journal>>;

/// Marks a room as what host functions borrow.
pub(crate) struct HasRoom;

impl HasData for HasRoom {
    type Data<'a> = &'a mut Room;
}

/// The state of one call.
pub(crate) struct Room {
    pub(crate) limits: Limits,
    pub(crate) meter: Arc<Meter>,
    pub(crate) budget: Budget,
    pub(crate) table: ResourceTable,
    pub(crate) journal: SharedJournal,
    pub(crate) models: Models,
    pub(crate) memory: Memory,
    pub(crate) dice: Dice,
    pub(crate) host_calls: u32,
    pub(crate) host_bytes: u64,
    pub(crate) randomness: u64,
    wasi: Option<WasiCtx>,
    dreaming: bool,
    http: WasiHttpCtx,
    hooks: Hooks,
    breach: Option<Which>,
}

impl Room {
    /// Returns the room of a call.
    pub(crate) fn for_job(
        job: &Job,
        ports: &Ports,
        events: EventSender,
    ) -> Result<Self, crate::CallError> {
        let journal = Arc::new(Mutex::new(Journal::new(&job.limits, events)));
        // Most calls use no WASI at all: theirs is made at the first use.
        let wasi = if job.grants.fs.is_empty() && job.grants.env.is_empty() {
            None
        } else {
            Some(crate::wasi::granted(&job.grants, &journal)?)
        };
        let mut room = Self::empty(job.limits, journal);
        room.wasi = wasi;
        room.models = Models::new(job, ports.llm.clone());
        room.memory = Memory::new(job, ports.state.clone());
        room.hooks = Hooks::new(job, ports.http.clone());
        Ok(room)
    }

    /// Returns the room in which a component describes itself: no grants, a clock that stands, dice that repeat.
    pub(crate) fn for_description(limits: Limits, events: EventSender) -> Self {
        let journal = Arc::new(Mutex::new(Journal::new(&limits, events)));
        let mut room = Self::empty(limits, journal);
        room.dreaming = true;
        room.dice = Dice::fixed();
        room
    }

    fn empty(limits: Limits, journal: SharedJournal) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(crate::wasi::http::FIELDS_MOST);
        Self {
            limits,
            meter: Arc::default(),
            budget: Budget::new(&limits),
            table,
            journal,
            models: Models::default(),
            memory: Memory::default(),
            dice: Dice::real(),
            host_calls: 0,
            host_bytes: 0,
            randomness: 0,
            wasi: None,
            dreaming: false,
            http,
            hooks: Hooks::default(),
            breach: None,
        }
    }

    /// Puts the room into a store. The only place where a store is made: without a deadline a guest would run for
    /// ever, without a limiter it would take all memory.
    pub(crate) fn into_store(self, engine: &Engine) -> Store<Self> {
        // For one host call, and for reading the output at the end; what all calls carry together is counted here.
        let fuel = self.limits.host_bytes.max(self.limits.output).len();
        let handles = self.limits.handles as usize;
        let mut store = Store::new(engine, self);
        store.limiter(|room| &mut room.budget);
        store.set_hostcall_fuel(fuel);
        store.set_max_component_handles(handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(tick);
        store
    }

    /// Counts a host call and what the guest passed with it.
    pub(crate) fn enter(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.count_call();
        self.carry(bytes)
    }

    /// Counts bytes that cross the boundary, in either direction.
    pub(crate) fn carry(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.host_bytes = self.host_bytes.saturating_add(bytes as u64);
        if self.host_bytes > self.limits.host_bytes.0 {
            self.breach = Some(Which::HostBytes);
        }
        self.check()
    }

    /// Returns how many bytes may still cross the boundary.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.limits.host_bytes.0.saturating_sub(self.host_bytes)
    }

    /// Returns the limit that was broken, if one was.
    pub(crate) fn breach(&self) -> Option<Which> {
        self.breach
    }

    /// Ends the call for reaching a limit.
    pub(crate) fn fail(&mut self, which: Which) -> wasmtime::Error {
        self.breach = Some(which);
        Breach(which).into()
    }

    /// Returns the journal, which nobody holds across an await.
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    fn count_call(&mut self) {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.limits.host_calls {
            self.breach = Some(Which::HostCalls);
        }
    }

    fn check(&self) -> wasmtime::Result<()> {
        match self.breach {
            Some(which) => Err(Breach(which).into()),
            None => Ok(()),
        }
    }
}

/// Locks a journal. A panic while it was held cannot have left it in an unusable state.
pub(crate) fn lock(journal: &SharedJournal) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs at every tick of the guest's time: ends the call that broke a limit, and lets others run.
fn tick(mut store: StoreContextMut<'_, Room>) -> wasmtime::Result<UpdateDeadline> {
    let room = store.data_mut();
    room.check()?;
    let spent = room.meter.spent_now();
    if spent >= room.limits.cpu.0 {
        return Err(room.fail(Which::Cpu));
    }
    // Ticks come for all guests at once, so one may come at a guest's first instruction. A short call that it catches has
    // not had its millisecond, and goes on.
    if spent < TICK {
        return Ok(UpdateDeadline::Continue(1));
    }
    room.meter.note_yield();
    Ok(UpdateDeadline::Yield(1))
}

impl WasiView for Room {
    /// Every WASI function passes here, so this is where they are counted. It cannot refuse: a call over its limit
    /// ends at the next tick, and never succeeds.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.count_call();
        let (journal, dreaming) = (&self.journal, self.dreaming);
        WasiCtxView {
            ctx: self
                .wasi
                .get_or_insert_with(|| crate::wasi::empty(journal, dreaming)),
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Room {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.count_call();
        self.hooks.most = self.bytes_left();
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
