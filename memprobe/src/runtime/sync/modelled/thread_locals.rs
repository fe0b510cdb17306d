//! Threads of a model, and thread-locals of which each of them has its own.
//!
//! loom's thread-locals are all gone once a thread ends. Those of the system without a destructor
//! are not, and the runtime relies on that.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr;

use loom::thread::{JoinHandle, ThreadId};

use super::atomics::is_in_model;

pub(crate) struct LocalKey<T: 'static> {
    pub outside: &'static std::thread::LocalKey<T>,
    pub make: fn() -> T,
}

/// Why a thread-local cannot be used: it was destroyed.
pub(crate) struct Destroyed;

struct Local {
    /// `None` once it was destroyed.
    value: Option<Box<dyn Any>>,
    has_destructor: bool,
}

std::thread_local! {
    /// The locals of all threads of an execution, by thread and by the address of their key.
    static LOCALS: RefCell<HashMap<(ThreadId, usize), Local>> = RefCell::new(HashMap::new());
}

impl<T: 'static> LocalKey<T> {
    pub fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, Destroyed> {
        if !is_in_model() {
            return self.outside.try_with(look).map_err(|_| Destroyed);
        }
        let key = (loom::thread::current().id(), ptr::from_ref(self) as usize);
        let value = LOCALS.with_borrow_mut(|locals| {
            let local = locals.entry(key).or_insert_with(|| Local {
                value: Some(Box::new((self.make)())),
                has_destructor: std::mem::needs_drop::<T>(),
            });
            let value = local.value.as_deref().and_then(<dyn Any>::downcast_ref::<T>);
            value.map(ptr::from_ref)
        });
        // SAFETY: the value is boxed, and only its own thread drops it, at its end.
        value.map(|value| look(unsafe { &*value })).ok_or(Destroyed)
    }

    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        self.try_with(look).unwrap_or_else(|_| panic!("a thread-local that was destroyed"))
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }
}

/// Forgets the threads of the execution before.
pub(super) fn begin() {
    LOCALS.take();
}

/// Runs `work` as a whole thread: with the destructors of its thread-locals.
pub(super) fn run<T>(work: impl FnOnce() -> T) -> T {
    let result = work();
    let thread = loom::thread::current().id();
    loop {
        let next = LOCALS.with_borrow_mut(|locals| {
            let mut of_thread = locals.iter_mut().filter(|((of, _), _)| *of == thread);
            of_thread.find_map(|(_, local)| local.value.take_if(|_| local.has_destructor))
        });
        // Dropped here, because it may use other thread-locals.
        if next.is_none() {
            return result;
        }
    }
}

/// Starts a thread of a model.
pub(crate) fn spawn<T: 'static>(work: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    loom::thread::spawn(|| run(work))
}

/// Defines thread-locals as the macro of the standard library does.
macro_rules! modelled_thread_local {
    ($($(#[$attribute:meta])* static $NAME:ident: $Type:ty = const $value:block;)*) => {$(
        $(#[$attribute])*
        static $NAME: $crate::runtime::sync::modelled::LocalKey<$Type> = {
            std::thread_local! {
                static OUTSIDE: $Type = const $value;
            }
            $crate::runtime::sync::modelled::LocalKey { outside: &OUTSIDE, make: || $value }
        };
    )*};
}

pub(crate) use modelled_thread_local as thread_local;
