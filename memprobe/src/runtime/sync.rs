//! What threads share without a lock, of things that are never freed.
//!
//! A reference from [`static_ref`] may be followed for ever. Lists and maps only grow: who adds
//! may wait for another who adds, and who reads waits for nobody.

pub(crate) mod append_list;
pub(crate) mod map;
pub(crate) mod static_ref;
