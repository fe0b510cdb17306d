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
    // Iterators, collections, numbers: generic code, and one crate of edition 2015.
    Crate::new("itertools", "0.15.0"),
    Crate::new("indexmap", "2.14.2"),
    Crate { features: ALL, ..Crate::new("petgraph", "0.8.3") },
    Crate::new("num-bigint", "0.2.6"),
    // Buffers and cells: unsafe code.
    Crate::new("smallvec", "1.16.6"),
    Crate {
        no_allocator: Some("two of its tests have their own"),
        ..Crate::new("bytes", "1.12.2")
    },
    Crate::new("heapless", "0.9.3"),
    // Parsers.
    Crate {
        without: &[("expression_ast", "uses a crate that the published manifest does not name")],
        ..Crate::new("nom", "8.0.0")
    },
    Crate::new("serde_json", "1.0.154"),
    Crate::new("regex-syntax", "0.8.12"),
    // Async.
    Crate { features: ALL, ..Crate::new("async-channel", "2.5.0") },
    Crate { features: ALL, ..Crate::new("async-executor", "1.14.1") },
    Crate { features: ALL, ..Crate::new("async-lock", "3.5.0") },
    Crate { features: ALL, ..Crate::new("futures-lite", "2.6.1") },
    Crate {
        features: ALL,
        skip: &[(
            "test_socks_v5_with_locally_resolved_domain_works",
            "looks a name up, and fails without a network",
        )],
        ..Crate::new("hyper-util", "0.1.21")
    },
    Crate {
        features: &["--features=full,test-util"],
        patch: true,
        skip: &[("try_exists", "expects to be denied a folder, and fails for root")],
        ..Crate::new("tokio", "1.54.1")
    },
    Crate { features: ALL, ..Crate::new("tokio-stream", "0.1.19") },
    Crate { features: ALL, ..Crate::new("tower", "0.5.3") },
];
