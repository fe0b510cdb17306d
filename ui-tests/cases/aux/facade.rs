//! A crate that hands memprobe on, also in a macro of its own.

pub use memprobe;

/// Puts the attribute on functions of another crate.
#[macro_export]
macro_rules! measured {
    ($($item:item)*) => {
        $(#[$crate::memprobe::memprobe(crate = $crate::memprobe)] $item)*
    };
}
