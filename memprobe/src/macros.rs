//! The attribute and the macros of the library.

use std::fmt;

use crate::format::units::HumanBytes;

/// Measures what each call of a function allocates, frees, keeps and peaks at.
///
/// The attribute goes on any function with a body that is not a `const fn`: sync or async, a free
/// function or a method with any receiver, in a trait or an `impl`, generic, `unsafe`, `extern`. An
/// async call is measured around each of its polls. A function that *returns* a future is measured
/// like an async one if its last expression is `async { … }` or `Box::pin(async { … })`, which is
/// also what `#[async_trait]` makes; otherwise it is a sync function that builds a future.
///
/// On a whole `impl` block, trait or module it annotates the functions in it: see
/// [below](#a-whole-impl-trait-or-module).
///
/// # Arguments
///
/// All are optional:
///
/// | | |
/// |---|---|
/// | `name = "…"` | its name in events and reports; by default the function's path |
/// | `level = "debug"` | the level of its entry and exit: `trace`, `debug`, `info` (default), `warn`, `error`; probes are written at `info` |
/// | `target = "…"` | the target of its entry and exit; by default `memprobe::<module path>` |
/// | `rate = 100` | calls written a second with a burst of twice that; by default the first 20, and then one a second; `rate = 0.1` is one every ten seconds, without a burst; 0 is no limit |
/// | `above = "64 MiB"` | the exit of a call that peaks above is always written, at `WARN` (see [the events](crate#events)); the units are `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB` |
/// | `crate = path` | path of memprobe, for a crate that re-exports it |
/// | `skip` | by itself: leaves the function out of the annotated block around it; elsewhere it does nothing |
///
/// # Examples
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
/// For a block, a closure or a future of another crate use
/// [`scope`](crate::scope()) or [`scope_future`](crate::scope_future()).
///
/// # A whole impl, trait or module
///
/// On an `impl` block, a trait or a module in braces the attribute goes to every function in it
/// that can carry it, as if it stood there, and in a module also to the functions of `impl` blocks,
/// traits and modules in it:
///
/// ```
/// use memprobe::memprobe;
///
/// struct Store(Vec<Vec<u8>>);
///
/// #[memprobe(level = "debug")]
/// impl Store {
///     fn put(&mut self, page: &[u8]) {
///         self.0.push(page.to_vec());
///     }
///
///     #[memprobe(rate = 100)] // and `level = "debug"`
///     async fn flush(&mut self) {
///         self.0.clear();
///     }
///
///     #[memprobe(skip)]
///     fn len(&self) -> usize {
///         self.0.len()
///     }
/// }
/// ```
///
/// What cannot carry it is passed over: a `const fn`, a function without a body, all of an
/// `extern` block or of a `const` impl, what a macro makes, and functions inside bodies. A block
/// in which nothing can carry it is an error.
///
/// An attribute of its own on a function, or on a block in a module, takes `level`, `target`,
/// `rate`, `above` and `crate` from the block where it does not give them; `skip` leaves out what it stands
/// on. It is known by whatever name it was imported, and may come from a `cfg_attr`. `name` is for
/// single functions.
///
/// Other attributes of a function are expanded before that of the block. `#[async_trait]` works in
/// either order; `#[automock]` needs the import as `instrument`, above the block as on methods (see
/// below).
///
/// On a module there are these limits, of any attribute macro: what it holds must be in its braces,
/// and so must the modules in it (no `mod name;`); a `#[macro_export]` macro in it cannot be called
/// by a path such as `crate::name!`; lints of clippy that look for `#[cfg(test)]` do not see it; and
/// rustc's `redundant_imports`, which is off by default, passes over the imports in it.
///
/// # Limits
///
/// The attribute does not change what a function does, returns, drops or warns about, except as
/// listed below. Two kinds of valid code stop compiling in any order of attributes, both in
/// `async fn`, whose body becomes an `async` block:
///
/// - a closure whose signature only the return type gives, as in
///   `async fn f() -> impl Fn(&str) -> usize { |s| s.len() }`: write its types
///   (`|s: &str| s.len()`), or name a function in its place where it gives back a part of its
///   argument;
/// - an argument that is set to a reference to a local: bind it to a new name first
///   (`let mut arg = arg;`).
///
/// Arguments of a plain function are dropped after its exit, so they are still held there, and
/// freeing their memory counts for the caller. In an `async fn` the arguments that the body uses
/// are dropped with the body, inside the call, and the others after it, the last one first;
/// without the attribute all are dropped from the last to the first.
///
/// For a function that returns a future, the future is the call: code before `async { … }` runs
/// when the function is called and is in no figure, and a future from an early `return` is not
/// measured. For a function that returns a stream or an iterator, building it is measured, and
/// what it does later is not.
///
/// Where the return type of a plain function hides a type (`impl …`, or a macro that may stand
/// for one), temporaries of the last expression are dropped after the exit up to edition 2021.
///
/// An attribute macro that stands higher is expanded first. Above `#[tokio::main]` or
/// `#[tokio::test]` memprobe measures the `async` body, below it also what starts the runtime.
/// Above `#[tracing::instrument]` its events are inside the span, below it they are outside.
///
/// Two kinds of attribute must stand above memprobe on an `async fn`, because they cannot rewrite
/// the body once memprobe has wrapped it:
///
/// - those that change the type which the body returns, as `#[culpa::throws]`: below memprobe its
///   `?` stands in a block that returns no `Result` yet (on a plain function either order works);
/// - those that remove `async`, as `#[maybe_async]` with its feature `is_sync`.
///
/// `#[mockall::automock]` copies the attributes of methods onto modules and expressions of its
/// own, where memprobe cannot be used. If the mock is made for tests alone
/// (`#[cfg_attr(test, automock)]`), put `#[cfg_attr(not(test), memprobe)]` on the methods.
/// Otherwise write `use memprobe::memprobe as instrument;` and `#[instrument]`: automock leaves out
/// an attribute of that name, which is that of `tracing`.
///
/// Some lints of clippy do not see through the attribute and no longer warn:
/// `missing_const_for_fn`; in plain functions with a result `default_numeric_fallback`; in
/// `async fn` `unused_async`, `redundant_clone`, and `async_yields_async` where the result may
/// be a future; `manual_async_fn`.
#[cfg(feature = "enabled")]
pub use memprobe_macros::memprobe;

/// Compiled out: leaves the function as it is.
#[cfg(not(feature = "enabled"))]
pub use memprobe_macros::untouched as memprobe;

/// Ends the current segment of the innermost call on this thread, and starts the next.
///
/// It works anywhere: in loops, closures and other macros, and in a function without an attribute
/// that an annotated one calls. Outside any call, for example on another thread, it writes a
/// snapshot: an event with the figures of the process.
///
/// The label names the point, and so the segment that ends here. After it come fields for the
/// event, written as in `tracing`'s macros: `name = value`, or a variable that also names the
/// field, each recorded as a value, by `Debug` (`?`) or by `Display` (`%`). They are evaluated
/// only if the event is written.
///
/// # Examples
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
/// Names of fields are identifiers, without dots: `tracing`'s `user.id` is `user_id = user.id`
/// here. The names of memprobe's own fields are reserved.
///
/// In a loop, or in a function called often, only some passes are written, at the rate of the
/// call's function; the next event has the number of `skipped` ones. The totals count all passes.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! probe {
    ($($tokens:tt)*) => {
        $crate::__private::__probe! { $crate; $($tokens)* }
    };
}

/// Compiled out: takes no reading. The fields are type-checked, and their variables count as used.
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

/// Installs jemalloc as the global allocator, in a wrapper that keeps peaks accurate when blocks
/// are resized. Call it once, in the crate with `main`.
///
/// # Examples
///
/// ```
/// memprobe::global_allocator!();
/// # fn main() {}
/// ```
///
/// # Live memory by owner
///
/// `memprobe::global_allocator!(live)`, with the feature `live`, also has jemalloc sample
/// allocations for [`live()`](crate::live()). It sets `prof:true` in jemalloc's configuration,
/// beside a `malloc_conf` of your own and the environment variable `_RJEM_MALLOC_CONF`, where
/// `prof_active:false` leaves sampling off until it is switched on, and `lg_prof_sample:17` sets
/// another interval (128 KiB).
#[cfg(feature = "jemalloc")]
#[macro_export]
macro_rules! global_allocator {
    () => {
        #[global_allocator]
        static MEMPROBE_ALLOCATOR: $crate::Allocator = $crate::Allocator;
        $crate::__before_samples!();
    };
    (live) => {
        $crate::global_allocator!();
        $crate::__sample!();
    };
}

/// Prepares jemalloc for the first sample that a configuration of the user's may ask for.
#[cfg(all(
    target_env = "musl",
    any(feature = "live", feature = "profiling"),
    feature = "jemalloc"
))]
#[doc(hidden)]
#[macro_export]
macro_rules! __before_samples {
    () => {
        #[used]
        #[unsafe(link_section = ".init_array")]
        static MEMPROBE_BEFORE_SAMPLES: extern "C" fn() = $crate::__private::before_samples;
    };
}

/// There is nothing to prepare, or nothing that samples.
#[cfg(all(
    not(all(target_env = "musl", any(feature = "live", feature = "profiling"))),
    feature = "jemalloc"
))]
#[doc(hidden)]
#[macro_export]
macro_rules! __before_samples {
    () => {};
}

/// Has jemalloc sample allocations. The symbol is jemalloc's second one for a configuration in the
/// binary, so that the first stays the user's; jemalloc declares both weak, except on Windows.
#[cfg(all(feature = "live", feature = "jemalloc"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __sample {
    () => {
        #[cfg(not(windows))]
        #[used]
        #[unsafe(export_name = "_rjem_malloc_conf_2_conf_harder")]
        static MEMPROBE_MALLOC_CONF: $crate::__private::MallocConf =
            $crate::__private::MallocConf::SAMPLING;

        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        #[used]
        #[unsafe(link_section = ".init_array")]
        static MEMPROBE_START: extern "C" fn() = $crate::__private::start_sampling;
    };
}

/// Does not compile here, because memprobe's feature `live` is missing.
#[cfg(all(feature = "enabled", feature = "jemalloc", not(feature = "live")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __sample {
    () => {
        ::core::compile_error!(
            "`memprobe::global_allocator!(live)` needs memprobe's feature `live`: add it beside `enabled`"
        );
    };
}

/// Compiled out: nothing is sampled.
#[cfg(all(not(feature = "enabled"), feature = "jemalloc"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __sample {
    () => {};
}

/// Installs jemalloc as the global allocator. Does not compile here, because memprobe's feature
/// `jemalloc` is missing.
#[cfg(all(feature = "enabled", not(feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    ($(live)?) => {
        ::core::compile_error!(
            "`memprobe::global_allocator!()` needs memprobe's feature `jemalloc`: add it beside `enabled`"
        );
    };
}

/// Compiled out: the program keeps its allocator.
#[cfg(not(any(feature = "enabled", feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    ($(live)?) => {};
}

/// Asserts that a closure peaks at no more than the given number of bytes above its start, and
/// returns its result. This enforces a memory budget in a test.
///
/// It takes a message like `assert!`. For async code use
/// [`measure_future`](crate::measure_future).
///
/// # Panics
///
/// Panics with the figures if the peak is above the bound, and also if there are no figures, so
/// that a missing figure never passes a test.
///
/// # Platforms
///
/// Bytes are those of jemalloc's size classes, which depend on the pages that it was built for: 4 KiB
/// on x86-64, 16 KiB on Apple's processors, and 64 KiB on aarch64 Linux, where a block of 16 KiB or
/// more may count for 12 % more. Leave a bound that much room, or build with
/// `JEMALLOC_SYS_WITH_LG_PAGE=12` where no kernel has larger pages, as on Graviton.
///
/// # Examples
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
