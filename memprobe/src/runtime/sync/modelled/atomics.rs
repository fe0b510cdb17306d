//! Atomics that are loom's inside a model.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic as plain;
use std::sync::atomic::Ordering::{self, Relaxed};

/// The atomics of one execution of a model. All of them begin at 0.
struct Execution {
    number: u64,
    bools: Pool<loom::sync::atomic::AtomicBool>,
    u8s: Pool<loom::sync::atomic::AtomicU8>,
    u32s: Pool<loom::sync::atomic::AtomicU32>,
    u64s: Pool<loom::sync::atomic::AtomicU64>,
    i64s: Pool<loom::sync::atomic::AtomicI64>,
    usizes: Pool<loom::sync::atomic::AtomicUsize>,
}

struct Pool<T> {
    all: Vec<Modelled<T>>,
    used: plain::AtomicUsize,
}

#[derive(Default)]
struct Modelled<T> {
    atomic: T,
    /// Changed before each access. To choose which threads to run in the other order, loom looks at
    /// the last access of an atomic alone, and two loads need no other order for it. Where a thread
    /// loads and then stores, its own load would hide that of another thread from its store.
    accesses: loom::sync::atomic::AtomicUsize,
}

impl<T: Default> Pool<T> {
    fn new(count: usize) -> Pool<T> {
        let all = (0..count).map(|_| Modelled::default()).collect();
        Pool { all, used: plain::AtomicUsize::new(0) }
    }
}

thread_local! {
    /// The execution that runs on this thread of the system, which runs all threads of a model.
    static EXECUTION: RefCell<Option<Rc<Execution>>> = const { RefCell::new(None) };
}

/// Returns the execution. A model that has failed is over while its thread unwinds.
fn execution() -> Option<Rc<Execution>> {
    if std::thread::panicking() {
        return None;
    }
    EXECUTION.try_with(|execution| execution.borrow().clone()).ok().flatten()
}

pub(super) fn is_in_model() -> bool {
    execution().is_some()
}

/// The number of the execution; 0 outside a model.
pub(super) fn number() -> u64 {
    execution().map_or(0, |execution| execution.number)
}

/// Begins an execution of a model, on its first thread, with so many atomics of each type.
pub(super) fn begin(number: u64, atomics: usize) {
    let execution = Execution {
        number,
        bools: Pool::new(atomics),
        u8s: Pool::new(atomics),
        u32s: Pool::new(atomics),
        u64s: Pool::new(atomics),
        i64s: Pool::new(atomics),
        usizes: Pool::new(atomics),
    };
    EXECUTION.set(Some(Rc::new(execution)));
}

/// A guard: when it is dropped, the last execution is over.
pub(super) struct Outside;

impl Drop for Outside {
    fn drop(&mut self) {
        EXECUTION.set(None);
    }
}

pub(crate) fn fence(order: Ordering) {
    if is_in_model() { loom::sync::atomic::fence(order) } else { plain::fence(order) }
}

/// Which of an execution's atomics an atomic has taken: none if all bytes are 0.
struct Taken(plain::AtomicU64);

impl Taken {
    const fn none() -> Taken {
        Taken(plain::AtomicU64::new(0))
    }

    /// Returns the atomic, for one access.
    fn of<'a, T>(&self, number: u64, pool: &'a Pool<T>) -> &'a T {
        let taken = self.0.load(Relaxed);
        let index = if taken >> 16 == number {
            taken as usize & 0xffff
        } else {
            let index = pool.used.fetch_add(1, Relaxed);
            self.0.store(number << 16 | index as u64, Relaxed);
            index
        };
        let modelled = pool.all.get(index).expect("a model that uses fewer atomics");
        modelled.accesses.fetch_add(1, Relaxed);
        &modelled.atomic
    }
}

/// Defines an atomic. `difference` and `sum` convert between its value and that of loom's, which
/// begins at 0 whatever the atomic began at.
macro_rules! atomic_type {
    ($Atomic:ident, $value:ty, $pool:ident, $difference:expr, $sum:expr) => {
        pub(crate) struct $Atomic {
            /// The value outside models, and the one at which each execution begins.
            outside: plain::$Atomic,
            taken: Taken,
        }

        impl $Atomic {
            pub const fn new(value: $value) -> $Atomic {
                $Atomic { outside: plain::$Atomic::new(value), taken: Taken::none() }
            }

            pub fn load(&self, order: Ordering) -> $value {
                let Some(execution) = execution() else { return self.outside.load(order) };
                let atomic = self.taken.of(execution.number, &execution.$pool);
                $sum(self.outside.load(Relaxed), atomic.load(order))
            }

            pub fn store(&self, value: $value, order: Ordering) {
                let Some(execution) = execution() else { return self.outside.store(value, order) };
                let atomic = self.taken.of(execution.number, &execution.$pool);
                atomic.store($difference(value, self.outside.load(Relaxed)), order);
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                let Some(execution) = execution() else { return self.outside.swap(value, order) };
                let atomic = self.taken.of(execution.number, &execution.$pool);
                let first = self.outside.load(Relaxed);
                $sum(first, atomic.swap($difference(value, first), order))
            }

            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let Some(execution) = execution() else {
                    return self.outside.compare_exchange(current, new, success, failure);
                };
                let atomic = self.taken.of(execution.number, &execution.$pool);
                let first = self.outside.load(Relaxed);
                let (current, new) = ($difference(current, first), $difference(new, first));
                match atomic.compare_exchange(current, new, success, failure) {
                    Ok(before) => Ok($sum(first, before)),
                    Err(actual) => Err($sum(first, actual)),
                }
            }

            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            pub fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut before = self.load(failure);
                while let Some(new) = change(before) {
                    match self.compare_exchange(before, new, success, failure) {
                        Ok(before) => return Ok(before),
                        Err(actual) => before = actual,
                    }
                }
                Err(before)
            }
        }

        impl Default for $Atomic {
            fn default() -> $Atomic {
                $Atomic::new(<$value>::default())
            }
        }

        impl std::fmt::Debug for $Atomic {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.load(Relaxed).fmt(f)
            }
        }
    };
}

/// Adds what numbers can do: sums in one step, the rest by [`fetch_update`].
macro_rules! number_type {
    ($Atomic:ident, $value:ty, $pool:ident) => {
        atomic_type!(
            $Atomic,
            $value,
            $pool,
            |value: $value, first| value.wrapping_sub(first),
            |first: $value, value| first.wrapping_add(value)
        );

        impl $Atomic {
            pub fn fetch_add(&self, more: $value, order: Ordering) -> $value {
                let Some(execution) = execution() else {
                    return self.outside.fetch_add(more, order);
                };
                let atomic = self.taken.of(execution.number, &execution.$pool);
                self.outside.load(Relaxed).wrapping_add(atomic.fetch_add(more, order))
            }

            pub fn fetch_sub(&self, less: $value, order: Ordering) -> $value {
                self.fetch_add((0 as $value).wrapping_sub(less), order)
            }

            pub fn fetch_max(&self, other: $value, order: Ordering) -> $value {
                self.change(order, |value| value.max(other))
            }

            pub fn fetch_min(&self, other: $value, order: Ordering) -> $value {
                self.change(order, |value| value.min(other))
            }

            pub fn fetch_or(&self, bits: $value, order: Ordering) -> $value {
                self.change(order, |value| value | bits)
            }

            pub fn fetch_and(&self, bits: $value, order: Ordering) -> $value {
                self.change(order, |value| value & bits)
            }

            fn change(&self, order: Ordering, change: impl Fn($value) -> $value) -> $value {
                match self.fetch_update(order, Relaxed, |value| Some(change(value))) {
                    Ok(before) | Err(before) => before,
                }
            }
        }
    };
}

atomic_type!(AtomicBool, bool, bools, |value, first| value != first, |first, value| first != value);
number_type!(AtomicU8, u8, u8s);
number_type!(AtomicU32, u32, u32s);
number_type!(AtomicU64, u64, u64s);
number_type!(AtomicI64, i64, i64s);
number_type!(AtomicUsize, usize, usizes);

/// A pointer, which outside models and inside is kept as its address.
pub(crate) struct AtomicPtr<T>(AtomicUsize, std::marker::PhantomData<*mut T>);

// SAFETY: it holds an address; what it points to is the matter of who uses it.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    /// Returns a null pointer: the address of any other cannot be told in a `const fn`.
    pub const fn new(_null: *mut T) -> AtomicPtr<T> {
        AtomicPtr(AtomicUsize::new(0), std::marker::PhantomData)
    }

    pub fn load(&self, order: Ordering) -> *mut T {
        std::ptr::with_exposed_provenance_mut(self.0.load(order))
    }

    pub fn store(&self, pointer: *mut T, order: Ordering) {
        self.0.store(pointer.expose_provenance(), order);
    }

    pub fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        let (current, new) = (current.expose_provenance(), new.expose_provenance());
        let pointer = std::ptr::with_exposed_provenance_mut;
        self.0.compare_exchange(current, new, success, failure).map(pointer).map_err(pointer)
    }
}
