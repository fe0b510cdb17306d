//! The two counters that jemalloc keeps for each thread.
//!
//! Where jemalloc's thread state is in the thread-local storage of the program, it lives as long as
//! the thread, and the counters are read by pointers. Elsewhere, as on macOS, it is on the heap, and
//! a destructor frees it that may run before those of the program; there they are read by name.

use std::hint::black_box;

use crate::runtime::sync::OnceLock;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) use by_name::Counters;
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) use by_pointer::Counters;

impl Counters {
    /// Returns the counters of the calling thread. They stand still if jemalloc is not the
    /// global allocator.
    pub fn of_this_thread() -> Counters {
        Counters::of_any_allocator()
            .filter(|_| is_global())
            .unwrap_or_else(Counters::standing_still)
    }
}

/// Returns true if Rust's allocations come from this jemalloc.
pub(crate) fn is_global() -> bool {
    static GLOBAL: OnceLock<bool> = OnceLock::new();
    *GLOBAL.get_or_init(|| {
        let Some(counters) = Counters::of_any_allocator() else { return false };
        let before = counters.read();
        drop(black_box(Box::new(black_box([0_u8; 64]))));
        counters.read() != before
    })
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod by_pointer {
    use std::ffi::CStr;
    use std::ptr::NonNull;

    use crate::runtime::readings::bytes::Bytes;
    use crate::runtime::readings::mallctl::read_by_name;

    /// Pointers to the counters of one thread.
    #[derive(Clone, Copy)]
    pub(crate) struct Counters {
        allocated: NonNull<u64>,
        freed: NonNull<u64>,
    }

    /// The target of the pointers if jemalloc does not count.
    static NOTHING: u64 = 0;

    impl Counters {
        pub(super) fn standing_still() -> Counters {
            Counters { allocated: NonNull::from(&NOTHING), freed: NonNull::from(&NOTHING) }
        }

        /// Returns the counters of the calling thread, whether or not Rust's allocations move them.
        pub fn of_any_allocator() -> Option<Counters> {
            let pointer = |name: &CStr| NonNull::new(read_by_name::<*mut u64>(name)?);
            Some(Counters {
                allocated: pointer(c"thread.allocatedp")?,
                freed: pointer(c"thread.deallocatedp")?,
            })
        }

        /// Reads both counters. Takes less than 1 ns.
        #[inline]
        pub fn read(self) -> Bytes {
            // Volatile, because the compiler assumes that an allocation writes nowhere else.
            // SAFETY: both point into the thread's own jemalloc state (or to the static above), which
            // lives as long as the thread; this type is neither `Send` nor stored anywhere but in that thread's own
            // state, and only that thread writes there.
            unsafe {
                Bytes {
                    allocated: self.allocated.as_ptr().read_volatile(),
                    freed: self.freed.as_ptr().read_volatile(),
                }
            }
        }
    }
}

#[cfg(any(test, not(any(target_os = "linux", target_os = "android", target_os = "freebsd"))))]
mod by_name {
    use crate::runtime::sync::OnceLock;

    use crate::runtime::readings::bytes::Bytes;
    use crate::runtime::readings::mallctl::{mib, read_by_mib};

    /// The MIBs of `thread.allocated` and `thread.deallocated`, if jemalloc counts.
    #[derive(Clone, Copy)]
    pub(crate) struct Counters(Option<&'static [[usize; 2]; 2]>);

    impl Counters {
        pub(super) fn standing_still() -> Counters {
            Counters(None)
        }

        /// Returns the counters of the calling thread, whether or not Rust's allocations move them.
        pub fn of_any_allocator() -> Option<Counters> {
            static MIBS: OnceLock<Option<[[usize; 2]; 2]>> = OnceLock::new();
            let look_up = || Some([mib(c"thread.allocated")?, mib(c"thread.deallocated")?]);
            MIBS.get_or_init(look_up).as_ref().map(|mibs| Counters(Some(mibs)))
        }

        /// Reads both counters. Takes some 10 ns.
        pub fn read(self) -> Bytes {
            let Some(mibs) = self.0 else { return Bytes::ZERO };
            let [allocated, freed] = mibs.map(|mib| read_by_mib(&mib).unwrap_or(0));
            Bytes { allocated, freed }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    fn by_name_and_by_pointer_the_counters_are_the_same() {
        let names = by_name::Counters::of_any_allocator().expect("jemalloc");
        let pointers = Counters::of_any_allocator().expect("jemalloc");
        assert_eq!(names.read(), pointers.read());
        assert_eq!(by_name::Counters::standing_still().read(), Counters::standing_still().read());
        // The allocator of the tests may be another, so that only jemalloc's own call counts.
        let mut seen = Vec::new();
        for size in [1_000, 100_000, 10_000_000] {
            // SAFETY: allocates a block and frees it with the same size.
            unsafe {
                let block = tikv_jemalloc_sys::malloc(size);
                assert!(!block.is_null());
                tikv_jemalloc_sys::sdallocx(block, size, 0);
            }
            assert_eq!(names.read(), pointers.read());
            seen.push(names.read().allocated);
        }
        assert!(seen.is_sorted() && seen[0] < seen[2], "{seen:?}");
    }
}
