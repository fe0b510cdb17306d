//! Holds the row of this platform in docs/platforms.md against what the platform has: makes calls,
//! crosses a threshold, reads everything, and compares each figure with its cell. Prints what it
//! saw, and ends with 1 if a cell is wrong.

mod seen;

use std::process::ExitCode;

use memprobe::{memprobe, probe};

#[cfg(not(feature = "sampled"))]
memprobe::global_allocator!();
#[cfg(feature = "sampled")]
memprobe::global_allocator!(live);

const TABLE: &str = include_str!("../../../docs/platforms.md");
const TARGET: &str = env!("TARGET");

/// A cell: the name of its column, and what was seen; `None` where that cannot be told here.
struct Figure {
    column: &'static str,
    seen: Result<bool, String>,
}

#[memprobe]
fn outer() -> Vec<u8> {
    let block: Vec<u8> = std::hint::black_box(Vec::with_capacity(1 << 20));
    probe!("allocated");
    inner();
    block
}

#[memprobe]
fn inner() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(2 << 20)));
}

/// Whether the figures of calls are exact to the byte.
fn bytes_of_calls() -> Result<bool, String> {
    drop(outer());
    let report = memprobe::report();
    let function = |name: &str| {
        let of = |function: &&memprobe::report::Function| function.name.ends_with(name);
        report.functions.iter().find(of).and_then(|function| function.figures)
    };
    let Some((outer, inner)) = function("::outer").zip(function("::inner")) else {
        return Ok(false);
    };
    let seen = [outer.allocated, outer.freed, outer.peak, inner.allocated, inner.peak];
    if seen == [3 << 20, 2 << 20, 3 << 20, 2 << 20, 2 << 20] {
        Ok(true)
    } else {
        Err(format!("figures of calls are not exact: {seen:?}"))
    }
}

/// Whether a thread that ends can go on with its calls in its last destructor.
fn destructors() -> Result<bool, String> {
    use std::cell::RefCell;
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            inner();
        }
    }
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    for _ in 0..50 {
        let thread = std::thread::spawn(|| {
            LATE.with_borrow_mut(|late| *late = Some(Late));
            inner();
        });
        thread.join().map_err(|_| "a thread panicked".to_owned())?;
    }
    Ok(true)
}

fn figures() -> Vec<Figure> {
    let figure = |column, seen| Figure { column, seen };
    let calls = bytes_of_calls();
    let process = memprobe::process();
    let status = memprobe::status();
    println!("{status}");
    let (mode, line) = seen::watch();
    vec![
        figure("bytes of calls", calls.and_then(|calls| destructors().map(|ends| calls && ends))),
        figure("heap", Ok(process.heap.is_some())),
        figure("RSS", Ok(process.rss.is_some_and(|rss| rss > 100 << 10))),
        figure("highest RSS", Ok(process.peak_rss.is_some() && process.peak_rss >= process.rss)),
        figure("physical", Ok(process.physical_memory.is_some())),
        figure("limit", seen::limit(&process)),
        figure("hook", Ok(mode == memprobe::watch::WatchMode::Hook)),
        figure("line", line),
        figure("owners, profiles", seen::sampled(&status)),
    ]
}

fn main() -> ExitCode {
    let cells = |line: &'static str| line.split('|').map(str::trim).skip(1).collect::<Vec<_>>();
    let Some(names) = TABLE.lines().find(|line| line.contains("| bytes of calls |")).map(cells)
    else {
        println!("docs/platforms.md has no table");
        return ExitCode::FAILURE;
    };
    let own = format!("`{TARGET}`");
    let Some(row) = TABLE.lines().find(|line| line.contains(&own)).map(cells) else {
        println!("docs/platforms.md has no row for {TARGET}");
        return ExitCode::FAILURE;
    };
    let mut wrong = 0;
    for Figure { column, seen } in figures() {
        let at = names.iter().position(|name| *name == column);
        let Some(cell) = at.and_then(|at| row.get(at)) else {
            println!("docs/platforms.md has no column {column}");
            return ExitCode::FAILURE;
        };
        let says = *cell == "yes";
        match seen {
            Ok(seen) if seen == says => println!("{TARGET}: {column}: {cell}"),
            Ok(seen) => {
                wrong += 1;
                println!("{TARGET}: {column}: WRONG, the table says {cell}, and it is {seen}");
            }
            Err(why) if why.starts_with("SKIPPED") => println!("{TARGET}: {column}: {why}"),
            Err(why) => {
                wrong += 1;
                println!("{TARGET}: {column}: WRONG, {why}");
            }
        }
    }
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
