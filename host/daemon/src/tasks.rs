//! Everything that runs beside the main loop, so that shutdown can wait for it. Nothing is spawned anywhere else.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Returns how many guests may be on a processor at a time for their first tick. With those that compute for longer it is
/// twice the number of processors.
pub fn places() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns how many guests that compute for longer than a tick may have turns on the background's threads.
pub fn long_places() -> usize {
    places()
}

/// Returns how many processors such guests may use: all but one. Where every processor computes, a thread of the host that
/// wakes may find none that lets it in at once, however weak the guests' priority, least of all on a virtual machine.
fn background_threads() -> usize {
    places().saturating_sub(1).max(1)
}

/// Returns the runtime of a host: a thread for each processor. A guest holds its thread for two ticks of 1 ms at most and
/// goes on in the background then; with more threads than that, each wake-up from the store waits for the system to switch
/// between them, which costs a seventh of the calls that two processors can do.
///
/// # Errors
/// If the system gives no threads.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(places().max(2))
        .enable_all()
        .build()
}

/// Threads of the lowest priority, for guests that compute for long. What runs here cannot delay what does not: the system
/// lets a thread of the host in as soon as it wakes. Beside a busy thread of the host there is a three hundredth of a
/// processor left for them, and all of it when the host waits.
#[derive(Debug)]
pub struct Background {
    threads: Handle,
    /// Taken when the threads are to end.
    runtime: Mutex<Option<Runtime>>,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(background_threads())
            .thread_name("guests")
            .on_thread_start(step_back)
            .build()?;
        Ok(Self {
            threads: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Runs `work` there, with the timers and sockets of the caller's runtime. It ends when the caller stops waiting.
    pub async fn run<F>(&self, work: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let work = TokioContext::new(work, Handle::current());
        AbortOnDropHandle::new(self.threads.spawn(work)).await.ok()
    }

    /// Ends the threads. What still runs there is cut off at its next tick.
    pub async fn close(&self) {
        let runtime = self.runtime.lock().ok().and_then(|mut held| held.take());
        if let Some(runtime) = runtime {
            let ended = Handle::current()
                .spawn_blocking(move || runtime.shutdown_timeout(Duration::from_millis(100)));
            let _ = ended.await;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Not closed: the last owner may be a task, which must not wait for threads to end.
        if let Some(runtime) = self.runtime.get_mut().ok().and_then(Option::take) {
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of this thread. The weakest of the priorities within the usual policy would not do: a thread that
/// wakes may have to wait some milliseconds there. Elsewhere than on Linux, where there is no such policy, it stays.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        // It also sets a priority within the policy, which may be refused and means nothing there.
        let told = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
        if thread_schedule_policy().ok() != Some(idle) {
            tracing::warn!(
                ?told,
                "guests that compute for long are as important as everything else"
            );
        }
    }
}

/// A group of tasks with one sign to stop.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Returns an empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` beside the caller; `stopped` tells it when to end.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(work)
    }

    /// Runs `work` on a thread that may block.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.tracker.spawn_blocking(work)
    }

    /// Asks every task to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Returns whether the group was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the group is asked to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Resolves when every task has ended. New tasks may still come until `stop`.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_in_the_background_lets_everything_else_go_first() {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy,
        };
        let background = Background::new().expect("threads");
        let there = background.run(async { thread_schedule_policy() }).await;
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        assert_eq!(there.expect("it runs").expect("a policy"), idle);
        assert_ne!(thread_schedule_policy().expect("a policy"), idle);
        background.close().await;
    }
}
