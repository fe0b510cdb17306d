//! Names that memprobe writes itself, and names given twice.

use memprobe::probe;

pub fn f(rows: usize, peak: usize, label: &str, cold: bool, r#type: u8) {
    probe!("a", peak = rows);
    probe!("a", message = "m", rows = rows, label = "l");
    probe!("a", rows = rows, rows = 2);
    probe!("a", r#cold = true);
    probe!("a", peak);
    probe!("a", ?label, rows, %r#cold, peak = ?label);
    probe!("a", rows, rows = 2);
    probe!("a", rows, ?rows);
    probe!("a", r#type, type = 2);
}
