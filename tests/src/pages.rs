//! The pages that jemalloc is built for: 4 KiB, and 64 KiB on aarch64 or where its build is told so.

/// Returns the bytes of a page of jemalloc's.
///
/// # Panics
///
/// If jemalloc does not say.
pub fn page() -> i64 {
    // SAFETY: the value of this name is a `size_t`.
    let page = unsafe { tikv_jemalloc_ctl::raw::read::<usize>(b"arenas.page\0") };
    i64::try_from(page.expect("arenas.page")).expect("a page")
}

/// Returns what jemalloc hands out for a large block: whole pages.
pub fn in_pages(bytes: i64) -> i64 {
    let page = page();
    (bytes + page - 1) / page * page
}
