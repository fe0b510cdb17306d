//! `#[automock]` copies it onto a module and an expression of its own.

pub struct Store;

#[mockall::automock]
impl Store {
    #[memprobe::memprobe]
    pub fn get(&self, key: usize) -> usize {
        key
    }
}
