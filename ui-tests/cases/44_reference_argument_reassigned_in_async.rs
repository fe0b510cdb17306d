//! An argument of an `async fn` that is set to a shorter-lived reference.
//@ limit: borrowed data escapes outside of async function

#[memprobe::memprobe]
pub async fn f(mut arg: &str) -> usize {
    let local = String::from("local");
    if arg.is_empty() {
        arg = &local;
    }
    arg.len()
}
