//! `#[automock]` where the crate is tested, and ours where it is not.
//@ test

pub struct Store;

#[cfg_attr(test, mockall::automock)]
impl Store {
    #[cfg_attr(not(test), memprobe::memprobe)]
    pub fn get(&self, key: usize) -> usize {
        key
    }

    #[cfg_attr(not(test), memprobe::memprobe)]
    pub async fn fetch(&self, key: usize) -> usize {
        key
    }
}

#[test]
fn is_mocked() {
    let mut store = MockStore::new();
    store.expect_get().return_const(7_usize);
    store.expect_fetch().returning(|key| key + 1);
    assert_eq!((store.get(1), pollster::block_on(store.fetch(1))), (7, 2));
    assert_eq!((Store.get(1), pollster::block_on(Store.fetch(1))), (1, 1));
}
