//! The crates, as data: what to build of each, and what to leave out and why.

/// A published crate that ships its own tests.
#[derive(Clone, Debug)]
pub struct Crate {
    pub name: &'static str,
    /// Exact, so that a run can be repeated.
    pub version: &'static str,
    /// Arguments of cargo that choose the features.
    pub features: &'static [&'static str],
    /// Why memprobe's allocator does not go into the annotated copy. The readings are real only
    /// with it; a program can have just one.
    pub no_allocator: Option<&'static str>,
    /// Its development dependencies depend on it in turn, and must get the copy.
    pub patch: bool,
    /// Targets that are not built, and why.
    pub without: &'static [(&'static str, &'static str)],
    /// Tests that are not run, and why.
    pub skip: &'static [(&'static str, &'static str)],
}

impl Crate {
    pub const fn new(name: &'static str, version: &'static str) -> Crate {
        Crate {
            name,
            version,
            features: &[],
            no_allocator: None,
            patch: false,
            without: &[],
            skip: &[],
        }
    }
}

const ALL: &[&str] = &["--all-features"];

/// What is run by default.
pub const CRATES: &[Crate] = &[
    Crate::new("itertools", "0.15.0"),
    Crate::new("indexmap", "2.14.2"),
    Crate::new("smallvec", "1.16.6"),
    Crate::new("num-bigint", "0.2.6"),
    Crate { features: ALL, ..Crate::new("async-channel", "2.5.0") },
    Crate::new("bytes", "1.12.2"),
];

/// Lints that come or go with the attribute, and why that is right.
pub const LINTS: &[(&str, &str)] = &[];
