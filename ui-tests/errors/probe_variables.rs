//! What stands for a field without a name is a variable.

use memprobe::probe;

pub struct User {
    id: u64,
    rss: u64,
}

macro_rules! given {
    ($value:expr) => {
        probe!("a", $value);
        probe!("a", ?$value, rows = 1);
        probe!("a", $value = 1);
    };
}

impl User {
    pub fn f(&self) {
        probe!("a", self.id);
        probe!("a", ?self.id, rows = 1);
        probe!("a", %self.rss);
    }
}

pub fn f(user: &User, rows: &[u8], of: (u8, u8)) {
    probe!("a", user.id);
    probe!("a", user.id,);
    probe!("a", ?user.r#id, %user.id);
    probe!("a", rows.len());
    probe!("a", ?rows.first(), user = rows.len(), rows[0]);
    probe!("a", of.0);
    probe!("a", u8::MAX);
    probe!("a", &rows);
    probe!("a", ?&rows, 1, "rows");
    probe!("a", rows + 1);
    given!(rows);
    given!(rows.len());
    // Keywords.
    probe!("a", type);
    probe!("a", ?Self, _);
    // Half-written.
    probe!("a", ?);
    probe!("a", %, ?rows);
    probe!("a", ??rows);
    probe!("a", ?rows.);
    probe!("a", rows., user = 1);
    probe!("a", ?rows = rows);
    probe!("a", ?rows ?of);
    probe!("a", rows ?of);
    probe!("a", ? = rows);
}
