//! The functions that are measured, once plain and once for each peer.

/// Defines a module with all of them, under a peer's attribute or none.
#[macro_export]
macro_rules! workloads {
    ($module:ident $(, #[$attribute:meta])?) => {
        mod $module {
            use std::hint::black_box;

            $(#[$attribute])?
            #[inline(never)]
            pub fn empty(n: u64) -> u64 {
                black_box(n)
            }

            /// A malloc and a free of 64 B.
            $(#[$attribute])?
            #[inline(never)]
            pub fn allocates(n: u64) -> u64 {
                black_box(Box::new([n; 8]))[0]
            }

            $(#[$attribute])?
            #[inline(never)]
            pub fn nested(level: u64) -> u64 {
                if level == 1 { black_box(level) } else { black_box(nested(black_box(level - 1))) + 1 }
            }

            $(#[$attribute])?
            pub async fn ready(n: u64) -> u64 {
                black_box(n)
            }

            $(#[$attribute])?
            pub async fn allocates_async(n: u64) -> u64 {
                black_box(Box::new([n; 8]))[0]
            }

            $(#[$attribute])?
            pub async fn yields(n: u64) -> u64 {
                $crate::harness::yield_once().await;
                n
            }

            pub async fn nested_async(n: u64) -> u64 {
                level_8(n).await
            }

            $crate::levels! {
                [$(#[$attribute])?]
                level_8 level_7 level_6 level_5 level_4 level_3 level_2 ready
            }
        }
    };
}

/// Async functions that each await the next.
#[doc(hidden)]
#[macro_export]
macro_rules! levels {
    ([$($attribute:tt)*] $last:ident) => {};
    ([$($attribute:tt)*] $outer:ident $inner:ident $($rest:ident)*) => {
        $($attribute)*
        pub async fn $outer(n: u64) -> u64 {
            $inner(n).await
        }
        $crate::levels! { [$($attribute)*] $inner $($rest)* }
    };
}

/// Compares the two modules `plain` and `with`.
#[macro_export]
macro_rules! compare_workloads {
    () => {
        use $crate::harness::{calls, compare, polls};
        compare("sync: empty", calls(plain::empty), calls(with::empty));
        compare("sync: malloc + free 64 B", calls(plain::allocates), calls(with::allocates));
        compare("sync: 8 deep", calls(|_| plain::nested(8)), calls(|_| with::nested(8)));
        compare("async: ready at once", polls(plain::ready), polls(with::ready));
        compare(
            "async: malloc + free 64 B",
            polls(plain::allocates_async),
            polls(with::allocates_async),
        );
        compare("async: one yield", polls(plain::yields), polls(with::yields));
        compare("async: 8 nested", polls(plain::nested_async), polls(with::nested_async));
        let runtime = $crate::workloads::runtime();
        // Enough for the workers to be awake.
        $crate::harness::compare_batches(
            "async: one yield, on 4 workers",
            (100_000, 100_000),
            |n| $crate::workloads::on_workers(&runtime, n, plain::yields),
            |n| $crate::workloads::on_workers(&runtime, n, with::yields),
        );
    };
}

/// A runtime with 4 workers.
///
/// # Panics
///
/// Where no thread can be started.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("4 threads")
}

/// Calls an async function so many times, from 16 tasks on the workers.
pub fn on_workers<F>(runtime: &tokio::runtime::Runtime, n: u64, f: fn(u64) -> F)
where
    F: Future<Output = u64> + Send + 'static,
{
    const TASKS: u64 = 16;
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                tokio::spawn(async move {
                    for i in 0..n.div_ceil(TASKS) {
                        std::hint::black_box(f(i).await);
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
    });
}
