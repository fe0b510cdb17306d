//! A program whose report lies in a file while it runs: `reports_every PATH [ends | forks]`.

use std::hint::black_box;
use std::time::Duration;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[memprobe(name = "work")]
fn work() {
    let block = black_box(vec![1_u8; 1 << 16]);
    probe!("allocated");
    drop(block);
}

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("a path");
    let report = memprobe::report_every(Duration::from_millis(10), path);
    match args.next().as_deref() {
        None => loop {
            work();
        },
        Some("ends") => {
            for _ in 0..1000 {
                work();
            }
            drop(report);
        }
        Some("ends later") => {
            work();
            // Time for some reports.
            std::thread::sleep(Duration::from_millis(200));
        }
        Some("forks") => {
            work();
            // SAFETY: the child does what the parent's drop does, and ends without more.
            let child = unsafe { libc::fork() };
            if child == 0 {
                drop(report);
                // SAFETY: it ends the process.
                unsafe { libc::_exit(0) }
            }
            let mut status = 1;
            // SAFETY: `status` is written to.
            let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((ended, status), (child, 0));
        }
        Some(unknown) => panic!("{unknown}"),
    }
}
