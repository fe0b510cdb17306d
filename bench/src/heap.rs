//! What the allocator itself costs.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::hint::black_box;

use crate::harness::alone;

/// A block that grows by steps of 1 MiB, up to this.
const STEPS: usize = 4;
const STEP: usize = 1 << 20;

/// Prints what malloc, free and realloc cost in this program.
///
/// # Panics
///
/// Never: the layouts are small.
pub fn compare() {
    alone("malloc + free 64 B", |n| {
        for i in 0..n {
            drop(black_box(Box::new(black_box([i; 8]))));
        }
    });
    alone("malloc + free 1 MiB", |n| {
        for _ in 0..n {
            drop(black_box(Vec::<u8>::with_capacity(STEP)));
        }
    });
    alone("a block grown to 4 MiB by 1 MiB", |n| {
        for _ in 0..n {
            let layout = |steps: usize| {
                Layout::from_size_align(steps * STEP, 1).expect("less than half the memory")
            };
            // SAFETY: each layout is that of the block at this step.
            unsafe {
                let mut block = alloc(layout(1));
                for steps in 1..STEPS {
                    block = black_box(realloc(block, layout(steps), layout(steps + 1).size()));
                }
                dealloc(block, layout(STEPS));
            }
        }
    });
}
