//! The layer on tonic: see `tests/`.
