//! A half-written `async` body gives only rustc's own error.
//@ errs

#[memprobe::memprobe]
pub async fn a() -> u8 {
    let x = Vec::new();
    x.
}
