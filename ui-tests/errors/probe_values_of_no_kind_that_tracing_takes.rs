//! Values that `tracing` cannot take as they are.

use memprobe::probe;

pub struct S;

pub fn f(list: &[u8]) {
    probe!("a", s = S);
    probe!("a", s = ?S);
    probe!("a", list = %list);
    probe!("a", missing = missing);
}
