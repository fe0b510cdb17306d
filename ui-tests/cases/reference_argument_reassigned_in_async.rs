//! An argument of an `async fn` that is set to a shorter-lived reference.
//@ limit: error[E0521]: borrowed data escapes outside of async block

#[memprobe::memprobe]
pub async fn f(mut arg: &str) -> usize {
    let local = String::from("local");
    if arg.is_empty() {
        arg = &local;
    }
    arg.len()
}
