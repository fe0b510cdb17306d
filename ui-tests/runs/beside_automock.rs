//! `#[automock]` copies attributes onto what is none of theirs, but for one named `instrument`.

use memprobe::memprobe as instrument;

memprobe::global_allocator!();

pub struct Store;

#[mockall::automock]
impl Store {
    #[instrument]
    pub fn get(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }

    #[instrument]
    pub async fn fetch(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }
}

#[mockall::automock]
pub trait Cache {
    #[instrument]
    fn load(&self, bytes: usize) -> Vec<u8> {
        vec![1; bytes]
    }
}

impl Cache for Store {}

fn main() {
    let mut mock = MockStore::new();
    mock.expect_get().returning(|_| Vec::new());
    assert!(mock.get(1 << 16).is_empty());
    drop((Store.get(1 << 16), pollster::block_on(Store.fetch(1 << 16)), Store.load(1 << 16)));
    let report = memprobe::report();
    assert_eq!(report.functions.len(), 3, "{report}");
    for function in &report.functions {
        assert_eq!(function.outcomes.returned, 1, "{report}");
        assert_eq!(function.figures.as_ref().expect("jemalloc").allocated, 1 << 16, "{report}");
    }
}
