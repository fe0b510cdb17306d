//! A closure signature that only the return type of an `async fn` gives.
//@ limit: error: implementation of `std::ops::Fn` is not general enough

#[memprobe::memprobe]
pub async fn g() -> impl Fn(&str) -> &str {
    |s| s
}
