//! A probe begins with a label.

use memprobe::probe;

pub fn f(label: &'static str, rows: usize) {
    probe!();
    probe!(label);
    probe!(rows = rows);
    probe!(concat!("a", "b"));
    probe!(1);
    probe!(b"bytes");
    probe!("");
}
