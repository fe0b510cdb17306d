//! Variables that are none, or that cannot be shown as it is asked.

use memprobe::probe;

pub struct S;

pub fn f(list: &[u8], s: S) {
    probe!("a", missing);
    probe!("a", ?missing, list = %list);
    probe!("a", %list, s = ?s);
    probe!("a", ?s);
    probe!("a", ?list, s);
}
