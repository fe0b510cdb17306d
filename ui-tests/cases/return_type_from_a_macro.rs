//! A return type written by a macro may hide an `impl`.

macro_rules! ret {
    () => {
        impl Iterator<Item = u8>
    };
}

#[memprobe::memprobe]
pub fn f() -> ret!() {
    [1_u8].into_iter()
}

#[memprobe::memprobe]
pub async fn g() -> ret!() {
    [1_u8].into_iter()
}

#[memprobe::memprobe]
pub async fn h() -> Result<ret!(), ()> {
    Ok([1_u8].into_iter())
}
