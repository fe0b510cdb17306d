//! A naked function has no room for a reading.

#[memprobe::memprobe]
#[unsafe(naked)]
pub extern "C" fn f() {
    core::arch::naked_asm!("ret")
}
