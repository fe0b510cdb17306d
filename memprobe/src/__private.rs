//! What the macros expand to. Not public, and not subject to semantic versioning.

pub use memprobe_macros::__probe;
pub use tracing;

pub use crate::call::{Frame, ProbePoint, probe, probe_with};
pub use crate::callsite::Callsite;
pub use crate::follow::follow;
pub use crate::site::Site;
pub use crate::{__fields as fields, __probe_point as probe_point, __site as site};

pub use tracing::field::{debug, display};

/// Pins the type of an `async` block; never called.
pub fn hint<T>() -> T {
    unreachable!("stands in a branch that is never taken")
}

/// The path of `item`'s type.
pub fn path_of_val<T: ?Sized>(item: &T) -> &'static str {
    core::any::type_name_of_val(item)
}

/// `site!(NAME, sync|async, LEVEL, rate, [name: "…",] [target: "…"])`: the static of a
/// function, with the callsites of its entry and its exit.
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    ($site:ident, $kind:ident, $level:ident, $rate:expr, $(name: $name:expr,)? $(target: $target:expr,)?) => {
        static $site: $crate::__private::Site = {
            fn here() -> &'static str {
                $crate::__private::path_of_val(&here)
            }
            $crate::__callsite!(ENTRY, $level, $crate::__target!($($target)?), $crate::__fields!(entry));
            $crate::__callsite!(EXIT, $level, $crate::__target!($($target)?), $crate::__fields!(exit));
            $crate::__private::Site::new($crate::__option!($($name)?), here, $rate, &ENTRY, &EXIT)
        };
    };
}

/// `probe_point!(NAME, "label", ["field", …])`: the static of a probe.
#[doc(hidden)]
#[macro_export]
macro_rules! __probe_point {
    ($point:ident, $label:expr, [$($user:expr),*]) => {
        static $point: $crate::__private::ProbePoint = {
            fn here() -> &'static str {
                $crate::__private::path_of_val(&here)
            }
            $crate::__callsite!(PROBE, INFO, $crate::__target!(), $crate::__fields!(probe $($user),*));
            $crate::__private::ProbePoint::new($label, here, &PROBE)
        };
    };
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
