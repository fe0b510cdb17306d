//! `#[inline]`, `#[target_feature]`, `#[unsafe(no_mangle)]`, `#[unsafe(link_section)]`.

#[memprobe::memprobe]
#[target_feature(enable = "avx2")]
#[inline]
pub fn f() -> u8 {
    1
}

#[memprobe::memprobe]
#[target_feature(enable = "avx2")]
pub fn calls_without_unsafe() -> u8 {
    let closure = || f();
    closure()
}

#[memprobe::memprobe]
#[target_feature(enable = "avx2")]
pub async fn calls_without_unsafe_async() -> u8 {
    f()
}

#[inline(always)]
#[memprobe::memprobe]
pub fn g() -> u8 {
    2
}

#[memprobe::memprobe]
#[unsafe(no_mangle)]
pub extern "C" fn exported_by_memprobe_case_28(x: u8) -> u8 {
    x
}

unsafe extern "C" {
    #[link_name = "exported_by_memprobe_case_28"]
    safe fn imported(x: u8) -> u8;
}

fn main() {
    println!("{} {}", g(), imported(3));
}
