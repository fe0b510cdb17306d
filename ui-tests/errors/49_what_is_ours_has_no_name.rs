//! What the expansion adds cannot be named.
//@ errs

#[memprobe::memprobe]
pub fn f() {
    let _ = __memprobe_frame;
    let _ = &SITE;
}

#[memprobe::memprobe]
pub async fn g() {
    let _ = &SITE;
}

pub fn h() {
    memprobe::probe!("here", x = __memprobe_event, y = POINT);
}
