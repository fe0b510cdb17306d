//! Whole impl blocks, traits and modules: each function in them has figures of its own, to the
//! byte, but for what is left out; a function's own arguments win over those of the block.

// Methods as people have them, whatever they use of it.
#![allow(clippy::unused_self)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use async_trait::async_trait;
use memprobe::memprobe;
use memprobe_tests::exact::{Exact, Figures, Scope};
use memprobe_tests::record::{self, Recorder};

#[global_allocator]
static ALLOCATOR: Exact<memprobe::Allocator> = Exact(memprobe::Allocator);

const KIB: usize = 1 << 10;

/// Allocates so that each function has figures that no other has.
fn work(kib: usize) -> Figures {
    let scope = Scope::begin();
    drop(black_box(vec![1_u8; 64 * KIB]));
    drop(black_box(vec![1_u8; kib * KIB]));
    scope.end()
}

struct Store;

#[memprobe(level = "debug", rate = 0)]
impl Store {
    const START: usize = 100;

    const fn constant() -> usize {
        Self::START
    }

    fn by_ref(&self) -> Figures {
        work(Self::constant())
    }

    async fn later(self: &Store) -> Figures {
        memprobe_tests::yield_now().await;
        work(101)
    }

    #[memprobe(skip)]
    fn left_out(&self) -> Figures {
        work(102)
    }

    #[memprobe(name = "store.own", level = "warn", target = "mine")]
    fn own(&self) -> Figures {
        work(103)
    }

    #[cfg_attr(all(), memprobe(level = "error"))]
    fn conditional(&self) -> Figures {
        fn nested() -> Figures {
            work(104)
        }
        nested()
    }
}

#[memprobe(rate = 0)]
trait Load {
    fn required(&self) -> Figures;

    fn provided(&self) -> Figures {
        work(105)
    }
}

#[memprobe]
impl Load for Store {
    fn required(&self) -> Figures {
        work(106)
    }
}

#[memprobe(rate = 0, target = "all")]
mod all {
    use memprobe::memprobe as instrument;

    use super::{Figures, async_trait, work};

    pub fn free() -> Figures {
        work(107)
    }

    #[instrument(skip)]
    pub fn left_out() -> Figures {
        work(108)
    }

    pub struct Inner<const N: usize>(pub Figures);

    impl Inner<2> {
        pub fn generic<T: Default>(_: T) -> Figures {
            work(109)
        }
    }

    #[instrument(target = "block", level = "trace")]
    impl Default for Inner<2> {
        fn default() -> Self {
            Inner(work(110))
        }
    }

    #[instrument(skip)]
    impl Inner<3> {
        pub fn left_out() -> Figures {
            work(111)
        }
    }

    pub mod deeper {
        pub fn free() -> super::Figures {
            super::work(112)
        }
    }

    #[async_trait]
    pub trait Boxed {
        async fn run(&self) -> Figures {
            memprobe_tests::yield_now().await;
            work(113)
        }
    }

    #[async_trait]
    impl<const N: usize> Boxed for Inner<N> {}
}

/// Runs each function, and returns what the counter saw in it by its name in the report.
async fn run() -> BTreeMap<&'static str, Figures> {
    use all::{Boxed, Inner, deeper};

    let unmeasured = [Store.left_out(), all::left_out(), Inner::<3>::left_out()];
    assert!(unmeasured.iter().all(|figures| figures.allocated > 0));
    BTreeMap::from([
        ("attribute_blocks::Store::by_ref", Store.by_ref()),
        ("attribute_blocks::Store::later", Store.later().await),
        ("store.own", Store.own()),
        ("attribute_blocks::Store::conditional", Store.conditional()),
        ("attribute_blocks::Load::provided", Store.provided()),
        ("<attribute_blocks::Store as attribute_blocks::Load>::required", Store.required()),
        ("attribute_blocks::all::free", all::free()),
        ("attribute_blocks::all::Inner<2>::generic", Inner::<2>::generic(1)),
        (
            "<attribute_blocks::all::Inner<2> as core::default::Default>::default",
            Inner::default().0,
        ),
        ("attribute_blocks::all::deeper::free", deeper::free()),
        ("attribute_blocks::all::Boxed::run", Inner::<4>(work(0)).run().await),
    ])
}

#[tokio::test(flavor = "current_thread")]
async fn every_function_of_a_block_has_figures_of_its_own() {
    Recorder::install();
    // The counter would count what memprobe makes for itself the first few times.
    for _ in 0..4 {
        run().await;
    }
    memprobe::reset();
    record::take();
    let exact = run().await;
    let report = memprobe::report();

    let names: Vec<&str> = report.functions.iter().map(|function| function.name).collect();
    assert_eq!(names.len(), exact.len(), "{names:#?}");
    for (name, exact) in &exact {
        let function = report.functions.iter().find(|function| function.name == *name);
        let function = function.unwrap_or_else(|| panic!("{name} is not in {names:#?}"));
        let figures = function.figures.expect("jemalloc");
        assert_eq!(function.outcomes.returned, 1, "{name}");
        assert_eq!(figures.allocated, exact.allocated, "{name}");
        assert_eq!(figures.freed, exact.freed, "{name}");
        assert_eq!(figures.peak, exact.peak, "{name}");
    }

    let exits: BTreeMap<String, (String, String, u32)> = record::take()
        .iter()
        .filter(|record| record.get("memprobe") == Some("exit"))
        .map(|record| {
            let metadata = record.metadata;
            let at = (metadata.level().to_string(), metadata.target().to_owned());
            let name = record.get("function").unwrap_or_default().to_owned();
            (name, (at.0, at.1, metadata.line().unwrap_or_default()))
        })
        .collect();
    let own = |name: &str| exits.get(name).map(|(level, target, _)| (&**level, &**target));
    let module = "memprobe::attribute_blocks";
    let expected = [
        ("attribute_blocks::Store::by_ref", ("DEBUG", module)),
        ("attribute_blocks::Store::later", ("DEBUG", module)),
        ("store.own", ("WARN", "mine")),
        ("attribute_blocks::Store::conditional", ("ERROR", module)),
        ("attribute_blocks::Load::provided", ("INFO", module)),
        ("attribute_blocks::all::free", ("INFO", "all")),
        (
            "<attribute_blocks::all::Inner<2> as core::default::Default>::default",
            ("TRACE", "block"),
        ),
        ("attribute_blocks::all::deeper::free", ("INFO", "all")),
    ];
    for (name, expected) in expected {
        assert_eq!(own(name), Some(expected), "{name}");
    }

    // Where each function is, and not where its block is.
    let lines: BTreeSet<u32> = exits.values().map(|exit| exit.2).collect();
    assert_eq!(lines.len(), exits.len(), "{exits:#?}");
}
