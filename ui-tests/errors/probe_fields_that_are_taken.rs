//! Names that memprobe writes itself, and names given twice.

use memprobe::probe;

pub fn f(rows: usize) {
    probe!("a", peak = rows);
    probe!("a", message = "m", rows = rows, label = "l");
    probe!("a", rows = rows, rows = 2);
    probe!("a", r#cold = true);
}
