//! On closures, blocks and statements: rustc's own words.

pub fn f() -> u8 {
    let c = #[memprobe::memprobe]
    || 1_u8;
    #[memprobe::memprobe]
    let x = 1;
    #[memprobe::memprobe]
    {
        c() + x
    }
}
