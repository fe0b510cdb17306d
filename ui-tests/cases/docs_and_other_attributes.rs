//! Documentation and all other attributes are kept, before and after.

#![warn(missing_docs)]

/// Before.
#[memprobe::memprobe]
#[must_use = "keep"]
#[deprecated(note = "old")]
#[cold]
pub fn f() -> u8 {
    1
}

#[doc = "Before."]
#[doc(alias = "h")]
#[deprecated]
#[memprobe::memprobe]
#[allow(clippy::unused_async)]
/// And after.
pub async fn g() {}

#[memprobe::memprobe]
pub fn undocumented() {}

pub fn uses() {
    f();
    let _ = g;
}
