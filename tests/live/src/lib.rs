//! What the tests of `live` share.
