//! The items that the macros expand to. They are not part of the public API and not subject to
//! semantic versioning.

pub use memprobe_macros::__probe;
pub use tracing;

pub use crate::__fields as fields;
pub use crate::__probe_point as probe_point;
pub use crate::__site as site;
#[cfg(all(feature = "live", feature = "jemalloc"))]
pub use crate::allocator::MallocConf;
pub use crate::runtime::events::callsite::Callsite;
pub use crate::runtime::instrument::call::enter;
pub use crate::runtime::instrument::future::instrument_future;
pub use crate::runtime::instrument::probe::{ProbePoint, probe, probe_with};
#[cfg(feature = "live")]
pub use crate::runtime::sampling::{SampledBlock, sampled_blocks};
pub use crate::runtime::stats::call_tree::Annotated;
pub use crate::runtime::stats::site::Site;

use tracing::Value;

/// Pins the return type of an `async` block. It is never called: the attribute writes it into a
/// branch that is never taken.
pub fn hint<T>() -> T {
    unreachable!("stands in a branch that is never taken")
}

/// A type that a field of a probe takes without `?` or `%`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field as it is",
    label = "write `?value` to show it by `Debug`, or `%value` by `Display`"
)]
pub trait Field: Value {}

#[diagnostic::do_not_recommend]
impl<T: Value> Field for T {}

/// Returns the value of `field = value`. The bound gives the error message of [`Field`].
pub fn value<T: Field>(value: &T) -> &dyn Value {
    value
}

/// Returns the path of a type. A type declared inside a function shows the path of the function.
pub fn path<T>() -> &'static str {
    core::any::type_name::<T>()
}

/// `site!(LEVEL, [rate: 0.1,] [above: 1024,] [name: "…",] [target: "…"])` expands to the static of a function,
/// with the callsites of its entry and its exit. The block keeps their names away from the
/// user's code.
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    (
        $level:ident,
        $(rate: $rate:expr,)?
        $(above: $above:expr,)?
        $(name: $name:expr,)?
        $(target: $target:expr,)?
    ) => {{
        static SITE: $crate::__private::Annotated = {
            enum Here {}
            $crate::__callsite!(ENTRY, $level, $crate::__target!($($target)?), $crate::__fields!(entry));
            $crate::__callsite!(EXIT, $level, $crate::__target!($($target)?), $crate::__fields!(exit));
            // There is no `let` here: its name might be that of a constant in the user's code.
            $crate::__private::Annotated::new($crate::__private::Site::new(
                $crate::__option!($($name)?),
                $crate::__private::path::<Here>,
                $crate::__option!($($rate)?),
                $crate::__option!($($above)?),
                &ENTRY,
                &EXIT,
            ))
        };
        &SITE
    }};
}

/// `probe_point!("label", ["field", …])` expands to the static of a probe.
#[doc(hidden)]
#[macro_export]
macro_rules! __probe_point {
    ($label:expr, [$($user:expr),*]) => {{
        static POINT: $crate::__private::ProbePoint = {
            enum Here {}
            $crate::__callsite!(PROBE, INFO, $crate::__target!(), $crate::__fields!(probe $($user),*));
            $crate::__private::ProbePoint::new($label, $crate::__private::path::<Here>, &PROBE)
        };
        &POINT
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __callsite {
    ($callsite:ident, $level:ident, $target:expr, $fields:expr) => {
        static $callsite: $crate::__private::Callsite = $crate::__private::Callsite::new(
            $target,
            $crate::__private::tracing::Level::$level,
            (::core::file!(), ::core::line!(), ::core::module_path!()),
            $fields,
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __target {
    () => {
        ::core::concat!("memprobe::", ::core::module_path!())
    };
    ($target:expr) => {
        $target
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __option {
    () => {
        ::core::option::Option::None
    };
    ($value:expr) => {
        ::core::option::Option::Some($value)
    };
}

/// Prepares jemalloc for its first sample, before `main`.
#[cfg(all(target_env = "musl", any(feature = "live", feature = "profiling")))]
pub extern "C" fn before_samples() {
    crate::runtime::readings::unwind::use_ours();
}

/// Starts to follow sampled blocks. `global_allocator!(live)` has it called before `main`, so that
/// no block is missed.
#[cfg(feature = "live")]
pub extern "C" fn start_sampling() {
    let _ = crate::runtime::calls::sampled::start();
}

#[cfg(test)]
mod tests {
    #[memprobe::memprobe]
    fn inside() -> u8 {
        memprobe::probe!("here", x = "x");
        1
    }

    /// The code that the macros expand to also finds memprobe from inside memprobe.
    #[test]
    fn the_macros_work_in_memprobe_itself() {
        assert_eq!(inside(), 1);
    }
}
