//! `#[must_use]`, of the function and of its future.

#[memprobe::memprobe]
#[must_use]
pub fn f() -> u8 {
    1
}

#[memprobe::memprobe]
pub async fn h() {}

#[must_use]
#[memprobe::memprobe]
pub async fn double() -> Result<(), ()> {
    Ok(())
}

#[memprobe::memprobe]
pub fn returned() -> impl Future<Output = u8> {
    async { 1 }
}

#[memprobe::memprobe]
pub fn candidate(x: u8) -> u8 {
    x
}

pub fn i() {
    f();
    h();
    double();
    returned();
    candidate(1);
}

pub async fn j() {
    double().await;
}
