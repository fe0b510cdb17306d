//! A probe in a `const fn`.

pub const fn f() -> u8 {
    memprobe::probe!("here");
    1
}
