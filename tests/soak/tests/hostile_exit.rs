//! A program that ends in the middle of a call, by `exit` and by `abort`, on any thread.

use std::process::{Command, exit};

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[memprobe]
fn ends(how: &str) {
    let _block = std::hint::black_box(vec![1_u8; 4096]);
    probe!("before the end");
    match how {
        "exit" => exit(7),
        "thread" => {
            std::thread::spawn(in_thread).join().expect("never");
        }
        _ => std::process::abort(),
    }
}

#[memprobe]
fn in_thread() {
    probe!("before the end");
    exit(7);
}

#[test]
fn a_program_may_end_in_a_call() {
    if let Ok(how) = std::env::var("ENDS_BY") {
        let _report = memprobe::report_on_exit();
        ends(&how);
    }
    for (how, code) in [("exit", Some(7)), ("thread", Some(7)), ("abort", None)] {
        let program = std::env::current_exe().expect("a path");
        let output = Command::new(program).env("ENDS_BY", how).output().expect("it starts");
        assert_eq!(output.status.code(), code, "{how}: {output:?}");
    }
}
