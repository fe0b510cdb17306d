//! An upload route as a framework runs it: it allocates the bodies that the route frees, and frees
//! the answers that the route allocates. So the route's net says nothing of what it owns.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// Bytes of a body and of an answer.
const BODY: usize = 900_000;
const ANSWER: usize = 90_000;

/// Serves uploads on a thread of its own until the process ends.
pub fn start() {
    thread::spawn(|| {
        loop {
            drop(upload(black_box(vec![1; BODY])));
            thread::sleep(Duration::from_micros(100));
        }
    });
}

#[memprobe::memprobe]
fn upload(body: Vec<u8>) -> Vec<u8> {
    let answer = black_box(vec![1; ANSWER]);
    drop(body);
    answer
}
