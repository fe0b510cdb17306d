//! What the expansion adds cannot be named.
//@ errs

#[memprobe::memprobe]
pub fn f() {
    let _ = __memprobe_entered;
    let _ = &SITE;
}

#[memprobe::memprobe]
pub async fn g() {
    let _ = &SITE;
}

pub fn h() {
    memprobe::probe!("here", x = __memprobe_event, y = POINT);
}
