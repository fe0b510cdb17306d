//! The same public names with nothing behind them.

use std::future::Future;

use crate::process::Process;
use crate::report::Report;
use crate::status::Status;

/// Compiled out: every figure is absent.
pub fn process() -> Process {
    Process::default()
}

/// Compiled out: the report is empty, and says why.
pub fn report() -> Report {
    Report::default()
}

/// Compiled out: there is nothing to reset.
pub fn reset() {}

/// Compiled out: says so.
pub fn status() -> Status {
    Status::default()
}

/// Compiled out: runs `f`.
#[inline]
pub fn scope<T, F: FnOnce() -> T>(_name: &'static str, f: F) -> T {
    f()
}

/// Compiled out: the future as it is.
#[inline]
pub fn scope_future<F: Future>(
    _name: &'static str,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    future
}

/// Compiled out: takes no reading. Its fields are type-checked and count as used.
#[macro_export]
macro_rules! probe {
    ($label:expr $(, $($fields:tt)*)?) => {
        if false {
            let _: &'static str = $label;
            $($crate::__unused!($($fields)*);)?
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __unused {
    () => {};
    ($name:ident = ? $value:expr $(, $($rest:tt)*)?) => {
        let _: &dyn ::core::fmt::Debug = &($value);
        $($crate::__unused!($($rest)*);)?
    };
    ($name:ident = % $value:expr $(, $($rest:tt)*)?) => {
        let _: &dyn ::core::fmt::Display = &($value);
        $($crate::__unused!($($rest)*);)?
    };
    ($name:ident = $value:expr $(, $($rest:tt)*)?) => {
        let _ = &($value);
        $($crate::__unused!($($rest)*);)?
    };
}
