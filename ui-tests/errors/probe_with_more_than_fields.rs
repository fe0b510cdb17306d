//! After the label come fields.

use memprobe::probe;

pub fn f(rows: usize, path: &std::path::Path) {
    probe!("a", "b");
    probe!("a" "b");
    probe!("a"; rows = rows);
    probe!("a", rows =);
    probe!("a", rows =, path = 1);
    probe!("a", rows: rows);
    probe!("a", rows = rows path = 1);
    probe!("rows: {}", 1);
    probe!("a", "rows" = rows);
    probe!("a", "two words" = ?rows, path = %1);
    probe!("a", path.name = ?rows);
    probe!("a", path.r#type.name = rows, rows = rows.);
    probe!("a", _ = rows);
    probe!("a", { NAME } = rows);
    probe!("a", rows == rows);
    probe!("a", rows = rows,, path = 1);
    probe!("a", rows = rows +);
    let _ = path;
}
