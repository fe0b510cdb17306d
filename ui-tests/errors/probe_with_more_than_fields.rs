//! After the label come fields.

use memprobe::probe;

pub fn f(rows: usize, path: &std::path::Path) {
    probe!("a", "b");
    probe!("a" "b");
    probe!("a"; rows = rows);
    probe!("a", rows);
    probe!("a", ?rows);
    probe!("a", rows =);
    probe!("a", rows =, path = 1);
    probe!("a", rows: rows);
    probe!("a", rows = rows path = 1);
    probe!("rows: {}", rows);
    probe!("a", "rows" = rows);
    probe!("a", path.name = rows);
    probe!("a", rows = rows,, path = 1);
    probe!("a", rows = rows +);
    let _ = path;
}
