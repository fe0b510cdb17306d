//! A call tree of a thousand functions, each called by the one before: all that is made of it
//! is made on a small stack too.

use std::hint::black_box;
use std::thread;

memprobe::global_allocator!();

const FUNCTIONS: usize = 1024;
const LARGE: usize = 64 << 20;
/// A quarter of what Rust gives a thread.
const SMALL: usize = 512 << 10;

fn down(names: &[&'static str]) {
    let [name, below @ ..] = names else { return };
    memprobe::scope(name, || {
        let kept = black_box(vec![1_u8; 100_000]);
        down(below);
        drop(kept);
    });
}

fn on_a_stack_of<T: Send + 'static>(size: usize, f: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(size).spawn(f).expect("a thread");
    thread.join().expect("no panic")
}

#[test]
fn a_deep_tree_is_reported_on_a_small_stack() {
    let names: Vec<&'static str> =
        (0..FUNCTIONS).map(|n| &*format!("level {n:04}").leak()).collect();
    let last = names[FUNCTIONS - 1];
    on_a_stack_of(LARGE, move || {
        (0..8).for_each(|_| down(&names));
    });
    on_a_stack_of(2 * SMALL, || assert!(memprobe::report().to_html().contains("level 0000")));
    on_a_stack_of(SMALL, move || {
        let report = memprobe::report();
        assert_eq!(report.functions.len(), FUNCTIONS);
        let is_last = |function: &&memprobe::report::Function| function.name == last;
        let function = report.functions.iter().find(is_last).expect("it was called");
        assert_eq!(function.outcomes.calls(), 8);
        // Each is somewhere in the tree, or among what it has no room for.
        let mut open: Vec<&memprobe::report::Node> = report.tree.iter().collect();
        let mut calls = report.folded_calls;
        while let Some(node) = open.pop() {
            calls += node.outcomes.calls();
            open.extend(&node.children);
        }
        assert_eq!(calls, 8 * FUNCTIONS as u64);

        let mut written = Vec::new();
        report.write_folded(&mut written).expect("memory");
        report.write_json(&mut written).expect("memory");
        assert!(report.to_string().contains("level 0000"));
        assert!(report.verdicts().pressure.found().is_some());
        drop(report.clone());
        assert!(!format!("{report:?}").is_empty());
    });
}
