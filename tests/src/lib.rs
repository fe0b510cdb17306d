//! What the scenarios in `tests/` share: an exact counter that knows nothing of memprobe's
//! ways, and a subscriber that keeps what it sees.

pub mod exact;
pub mod output;
pub mod record;
