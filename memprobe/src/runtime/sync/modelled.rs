//! What `tests/loom` puts in the place of the atomics, locks and thread-locals of the standard
//! library, so that loom runs the runtime's own code through all interleavings and all values that
//! the order of memory allows a load to return.
//!
//! loom's types cannot be made in a `const fn`, and cannot be in a static, because each execution of
//! a model needs new ones. So an [atomic](atomic_type) here is a place that takes one of loom's
//! atomics when an execution first uses it. All of loom's are made before the model begins, on its
//! first thread: were they made at their first use, that use would order what came before it.
//! Outside a model all types work as those of the standard library do.

#![allow(dead_code, reason = "the types have what those of the standard library have")]

mod atomics;
mod locks;
mod thread_locals;

pub(crate) use atomics::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence,
};
pub(crate) use locks::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
pub(crate) use std::sync::atomic::Ordering;
#[cfg(test)]
pub(crate) use thread_locals::spawn;
pub(crate) use thread_locals::{LocalKey, thread_local};

/// Runs a model through its executions.
#[cfg(test)]
pub(crate) struct Check {
    /// Most switches from a thread that could go on; `None` for any number.
    pub preemptions: Option<usize>,
    /// Atomics of each type that an execution may use.
    pub atomics: usize,
}

#[cfg(test)]
impl Check {
    pub const ALL: Check = Check { preemptions: None, atomics: 24 };
    pub const LARGE: Check = Check { preemptions: Some(2), atomics: 320 };

    pub fn run(self, model: impl Fn() + Send + Sync + 'static) {
        use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
        /// Statics are shared by all models.
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        static EXECUTIONS: AtomicU64 = AtomicU64::new(1);
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let before = EXECUTIONS.load(Relaxed);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.max_branches = 20_000;
        let _outside = atomics::Outside;
        builder.check(move || {
            atomics::begin(EXECUTIONS.fetch_add(1, Relaxed), self.atomics);
            thread_locals::begin();
            thread_locals::run(&model);
        });
        println!("{} executions", EXECUTIONS.load(Relaxed) - before);
    }
}

/// Returns a value that lives for ever: no two of one execution have the same address.
#[cfg(test)]
pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Lets another thread run.
pub(crate) fn yield_now() {
    if atomics::is_in_model() {
        loom::thread::yield_now();
    } else {
        std::thread::yield_now();
    }
}
