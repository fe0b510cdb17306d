//! Bad arguments do not take the function away.

#[memprobe::memprobe(bad)]
pub fn f() -> u8 {
    1
}

pub struct S;

impl S {
    #[memprobe::memprobe(bad)]
    pub async fn g(&self) -> u8 {
        2
    }
}

pub async fn uses() -> u8 {
    f() + S.g().await
}
