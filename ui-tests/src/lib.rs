//! Holds functions under `#[memprobe]` against the same functions without it.
//!
//! Each file of `cases/` is compiled as it stands and with the attributes and the probes
//! blanked out. Rust must say the same of both, and both must do the same. The files of
//! `errors/` are mistakes: what is said of them stands beside each in a `.stderr` file.
//!
//! `CASE=prelude cargo test -p memprobe-ui-tests` takes only the files whose name contains
//! `prelude`.

pub mod blank;
pub mod case;
pub mod compare;
pub mod compiler;
