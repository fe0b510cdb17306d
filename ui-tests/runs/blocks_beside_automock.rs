//! `#[automock]` above an annotated block leaves the attribute to the block.

use memprobe::memprobe as instrument;

memprobe::global_allocator!();

pub struct Store;

#[mockall::automock]
#[instrument]
impl Store {
    pub fn get(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }

    pub async fn fetch(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }
}

#[mockall::automock]
#[instrument]
pub trait Cache {
    fn load(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }
}

impl Cache for Store {}

fn main() {
    let mut mock = MockStore::new();
    mock.expect_get().returning(|_| Vec::new());
    assert!(mock.get(1 << 16).is_empty());
    let mut mock = MockCache::new();
    mock.expect_load().returning(|_| Vec::new());
    assert!(mock.load(1 << 16).is_empty());
    drop((Store.get(1 << 16), pollster::block_on(Store.fetch(1 << 16)), Store.load(1 << 16)));
    let report = memprobe::report();
    print!("{report}");
    for name in ["Store::get", "Store::fetch", "Cache::load"] {
        let function = report.functions.iter().find(|function| function.name.ends_with(name));
        let function = function.unwrap_or_else(|| panic!("{name}: {report}"));
        assert_eq!(function.outcomes.returned, 1, "{report}");
        assert_eq!(function.figures.as_ref().expect("jemalloc").allocated, 1 << 16, "{report}");
    }
}
