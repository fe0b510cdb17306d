//! The latest thumbnails, and with `--leak` all that there ever were.

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memprobe::memprobe;

/// How many a cache that does not leak remembers.
const LATEST: usize = 64;

pub struct Cache {
    thumbnails: Mutex<VecDeque<Box<[u8]>>>,
    leaks: bool,
}

impl Cache {
    pub fn new(leaks: bool) -> Cache {
        Cache { thumbnails: Mutex::new(VecDeque::with_capacity(LATEST)), leaks }
    }

    #[memprobe]
    pub fn remember(&self, thumbnail: &[u8]) {
        let mut thumbnails = self.thumbnails();
        if thumbnails.len() == LATEST && !self.leaks {
            thumbnails.pop_front();
        }
        thumbnails.push_back(thumbnail.into());
    }

    /// Bytes that were taken since it was made.
    pub fn bytes(&self) -> usize {
        let thumbnails = self.thumbnails();
        let places = thumbnails.capacity() - LATEST;
        thumbnails.iter().map(|one| one.len()).sum::<usize>() + places * size_of::<Box<[u8]>>()
    }

    fn thumbnails(&self) -> MutexGuard<'_, VecDeque<Box<[u8]>>> {
        self.thumbnails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
