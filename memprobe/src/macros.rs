//! The macros of the library, and the attribute.

use std::fmt;

use crate::format::units::HumanBytes;

/// Reads what each call of a function allocates, frees, keeps and peaks at.
///
/// Goes on any function with a body that runs at run time: sync or async, free or a method
/// with any receiver, in a trait or an `impl`, generic, `unsafe`, `extern`. An async call is
/// read around each of its polls. A function that *returns* a future is read like an async
/// one if its last expression is `async { … }` or `Box::pin(async { … })`, which is also what
/// `#[async_trait]` makes; with any other it is a sync function that builds a future.
///
/// Arguments, all optional:
///
/// | | |
/// |---|---|
/// | `name = "…"` | the name in events and reports; by default the function's path |
/// | `level = "debug"` | the level of its entry and exit: `trace`, `debug`, `info` (default), `warn`, `error`; probes are written at `info` |
/// | `target = "…"` | the target of its entry and exit; by default `memprobe::<module path>` |
/// | `rate = 100` | calls written a second (default 10), with a burst of twice that; `rate = 0.1` is one every ten seconds, without a burst; 0 is no limit |
/// | `crate = path` | where memprobe is found, for a crate that re-exports it |
///
/// ```
/// use memprobe::memprobe;
///
/// struct Store(Vec<Vec<u8>>);
///
/// impl Store {
///     #[memprobe(name = "store.put", rate = 100)]
///     async fn put(&mut self, page: &[u8]) {
///         self.0.push(page.to_vec());
///     }
/// }
/// ```
///
/// A function that is a `const fn` or has no body cannot be read; a block, a closure or a
/// future of another crate goes into [`scope`](crate::scope()) or
/// [`scope_future`](crate::scope_future()).
///
/// # Limits
///
/// The attribute changes nothing of what a function does, returns, drops or warns about, but
/// for what stands here. Two kinds of valid code stop compiling in any order of attributes, both
/// in `async fn`, whose body becomes an `async` block:
///
/// - a closure whose signature only the return type gives, as in
///   `async fn f() -> impl Fn(&str) -> usize { |s| s.len() }`: write its types
///   (`|s: &str| s.len()`), or name a function in its place where it gives back a part of its
///   argument;
/// - an argument that is set to a reference to a local: bind it to a new name first
///   (`let mut arg = arg;`).
///
/// Arguments of a plain function are dropped when its call is over, as ever: they are still
/// held at the exit, and their memory is freed by the caller. In an `async fn` those that the
/// body uses are dropped with the body, inside the call, and the others behind it, the last
/// one first; without the attribute all are dropped from the last to the first.
///
/// Of a function that returns a future, the future is the call: what stands before
/// `async { … }` runs when the function is called and is in no figure, and a future that an
/// early `return` gives is not read. Of a function that returns a stream or an iterator the
/// making is read, and not what it yields later.
///
/// Where the return type of a plain function hides a type (`impl …`, or a macro that may stand
/// for one), temporaries of the last expression are dropped behind the exit up to edition 2021.
///
/// An attribute macro that stands higher works first. Above `#[tokio::main]` or
/// `#[tokio::test]` memprobe reads the `async` body, below it also what starts the runtime;
/// above `#[tracing::instrument]` its events stand inside the span, below it around the span.
///
/// Two kinds stand above memprobe on an `async fn`, because they rewrite what memprobe would have
/// put around the body by then:
///
/// - those that change the type which the body returns, as `#[culpa::throws]`: below memprobe its
///   `?` stands in a block that returns no `Result` yet (on a plain function either order works);
/// - those that take `async` away, as `#[maybe_async]` with its feature `is_sync`.
///
/// `#[mockall::automock]` copies the attributes of methods onto modules and expressions of its
/// own, where memprobe cannot stand. Where the mock is made for tests alone
/// (`#[cfg_attr(test, automock)]`), the methods have `#[cfg_attr(not(test), memprobe)]`. Elsewhere
/// `use memprobe::memprobe as instrument;` and `#[instrument]` do: automock leaves out an attribute
/// of that name, which is that of `tracing`.
///
/// Some lints of clippy do not see through the attribute and fall silent:
/// `missing_const_for_fn`; in plain functions with a result `default_numeric_fallback`; in
/// `async fn` `unused_async`, `redundant_clone`, and `async_yields_async` where the result may
/// be a future; `manual_async_fn`.
#[cfg(feature = "enabled")]
pub use memprobe_macros::memprobe;

/// Compiled out: the function as it is.
#[cfg(not(feature = "enabled"))]
pub use memprobe_macros::untouched as memprobe;

/// Ends the segment of the innermost call of this thread, and starts the next.
///
/// Works anywhere: in loops, closures and other macros, and in a function without an
/// attribute that an annotated one calls. Outside any call, as on another thread, it is a
/// snapshot: an event with the figures of the process.
///
/// A label says where the call *was*. After it come fields for the event, written as in
/// `tracing`'s macros: `name = value`, or a variable, which gives the field its name; as
/// values, by `Debug` (`?`) or by `Display` (`%`). They are evaluated only if the event is
/// written.
///
/// ```
/// use memprobe::probe;
/// # #[memprobe::memprobe]
/// # fn load() {
/// # let (rows, path) = (vec![1, 2, 3], std::path::Path::new("page"));
/// # let (count, name) = (rows.len(), "page");
/// probe!("loaded");
/// probe!("parsed", rows = rows.len(), first = ?rows.first(), path = %path.display());
/// probe!("named", count, ?path, %name);
/// # }
/// # load();
/// ```
///
/// Fields are flat, so that their names have no dots and are no strings: `tracing`'s
/// `user.id` is `user_id = user.id` here. The names of memprobe's own fields are taken.
///
/// In a loop, or in a function called often, only some passes are written, at the rate of
/// the call's function; the next one tells how many were `skipped`. The totals have all.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! probe {
    ($($tokens:tt)*) => {
        $crate::__private::__probe! { $crate; $($tokens)* }
    };
}

/// Compiled out: takes no reading. Its fields are type-checked and count as used.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! probe {
    ($label:expr $(, $($fields:tt)*)?) => {
        if false {
            let _: &'static str = $label;
            $($crate::__unused!($($fields)*);)?
        }
    };
}

#[cfg(not(feature = "enabled"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __unused {
    () => {};
    ($name:ident = ? $value:expr $(, $($rest:tt)*)?) => {
        let _ = ::core::format_args!("{:?}", $value);
        $($crate::__unused!($($rest)*);)?
    };
    ($name:ident = % $value:expr $(, $($rest:tt)*)?) => {
        let _ = ::core::format_args!("{}", $value);
        $($crate::__unused!($($rest)*);)?
    };
    ($name:ident = $value:expr $(, $($rest:tt)*)?) => {
        let _ = &($value);
        $($crate::__unused!($($rest)*);)?
    };
    (? $variable:ident $(, $($rest:tt)*)?) => {
        let _ = ::core::format_args!("{:?}", $variable);
        $($crate::__unused!($($rest)*);)?
    };
    (% $variable:ident $(, $($rest:tt)*)?) => {
        let _ = ::core::format_args!("{}", $variable);
        $($crate::__unused!($($rest)*);)?
    };
    ($variable:ident $(, $($rest:tt)*)?) => {
        let _ = &$variable;
        $($crate::__unused!($($rest)*);)?
    };
}

/// Installs jemalloc as the global allocator, in a wrapper that makes peaks exact where
/// blocks are resized. Goes once into the crate with `main`.
///
/// ```
/// memprobe::global_allocator!();
/// # fn main() {}
/// ```
#[cfg(feature = "jemalloc")]
#[macro_export]
macro_rules! global_allocator {
    () => {
        #[global_allocator]
        static MEMPROBE_ALLOCATOR: $crate::Allocator = $crate::Allocator;
    };
}

/// Installs jemalloc as the global allocator; here its feature `jemalloc` is missing.
#[cfg(all(feature = "enabled", not(feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    () => {
        ::core::compile_error!(
            "`memprobe::global_allocator!()` needs memprobe's feature `jemalloc`: add it beside `enabled`"
        );
    };
}

/// Compiled out: the program keeps the allocator that it has.
#[cfg(not(any(feature = "enabled", feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    () => {};
}

/// Asserts that some work peaks at no more than so many bytes above its start, and gives its
/// result: the way to hold a memory budget in a test.
///
/// Fails with the figures where they are over, and fails too where they cannot be had: a
/// missing figure never passes a test. Takes a message like `assert!`. For async code see
/// [`measure_future`](crate::measure_future).
///
/// ```
/// const MIB: usize = 1 << 20;
///
/// memprobe::global_allocator!();
///
/// let page = memprobe::assert_peak!(10 * MIB, || vec![0_u8; 4 * MIB]);
/// assert_eq!(page.len(), 4 * MIB);
/// memprobe::assert_peak!(10 * MIB, || drop(page), "page {}", 1);
/// ```
#[macro_export]
macro_rules! assert_peak {
    ($most:expr, $work:expr $(,)?) => {
        $crate::__assert_peak($most, $work, ::core::option::Option::None)
    };
    ($most:expr, $work:expr, $($message:tt)+) => {
        $crate::__assert_peak(
            $most,
            $work,
            ::core::option::Option::Some(::core::format_args!($($message)+)),
        )
    };
}

#[doc(hidden)]
#[track_caller]
pub fn __assert_peak<T, B>(
    most: B,
    work: impl FnOnce() -> T,
    message: Option<fmt::Arguments<'_>>,
) -> T
where
    B: TryInto<u64> + Copy + fmt::Display,
{
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    let Ok(bound) = most.try_into() else { panic!("a peak of {most} bytes is no bound{message}") };
    match crate::measure(work) {
        Ok((result, usage)) if usage.peak <= bound => {
            drop(message);
            result
        }
        Ok((_, usage)) => {
            let (bound, over) = (HumanBytes(bound), HumanBytes(usage.peak - bound));
            panic!("the peak is {over} over {bound}{message}\n  {usage}")
        }
        Err(why) => panic!("the peak cannot be told{message}\n  {why}"),
    }
}
