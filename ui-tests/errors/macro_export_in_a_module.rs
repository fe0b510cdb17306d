//! An exported macro of an annotated module has no path for its own crate, as behind any attribute
//! macro: a limit that is documented.

#[memprobe::memprobe]
pub mod m {
    #[macro_export]
    macro_rules! exported {
        () => {
            1
        };
    }

    pub fn f() -> u8 {
        exported!()
    }
}

pub fn g() -> u8 {
    crate::exported!()
}
