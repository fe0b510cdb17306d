//! What the scenarios in `tests/` share.
