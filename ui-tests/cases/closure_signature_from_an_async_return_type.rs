//! A closure signature that only the return type of an `async fn` gives.
//@ limit: error[E0282]: type annotations needed

#[memprobe::memprobe]
pub async fn f() -> impl Fn(&str) -> usize {
    |s| s.len()
}
