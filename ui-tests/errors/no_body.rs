//! Functions without a body.

pub trait Tr {
    #[memprobe::memprobe]
    fn required(&self);

    #[memprobe::memprobe]
    async fn required_async(&self) -> u8;
}

unsafe extern "C" {
    #[memprobe::memprobe]
    fn abs(x: i32) -> i32;
}

pub fn uses<T: Tr>(x: &T) -> i32 {
    x.required();
    unsafe { abs(1) }
}
