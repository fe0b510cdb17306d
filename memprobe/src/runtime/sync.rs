//! What threads share without a lock: values that are never freed.
//!
//! A reference from [`static_ref`] is valid for ever. Lists and maps only grow: a thread that adds
//! may wait for another that adds, and one that reads waits for none.

pub(crate) mod append_list;
pub(crate) mod map;
pub(crate) mod static_ref;
