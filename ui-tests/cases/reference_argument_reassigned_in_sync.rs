//! An argument of a plain function that is set to a shorter-lived reference: Rust refuses it.
//@ errs

#[memprobe::memprobe]
pub fn f(mut arg: &str) -> usize {
    let local = String::from("local");
    if arg.is_empty() {
        arg = &local;
    }
    arg.len()
}
