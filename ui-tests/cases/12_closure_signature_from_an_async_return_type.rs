//! A closure signature that only the return type of an `async fn` gives.
//@ limit: is not general enough

#[memprobe::memprobe]
pub async fn g() -> impl Fn(&str) -> &str {
    |s| s
}
