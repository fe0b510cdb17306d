//! The figures of this very process, also right after `fork`.

use std::fs;

use memprobe::Process;
use memprobe::process::LimitSource;

memprobe::global_allocator!();

fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Whether RSS is what the kernel says of the asking process, give or take what it does
/// meanwhile.
fn is_own(process: &Process) -> bool {
    process.rss.is_some_and(|rss| rss.abs_diff(status_kib("VmRSS:")) < 4 << 20)
}

#[test]
fn figures_of_this_process() {
    let touched = vec![1_u8; 64 << 20];
    let process = memprobe::process();
    assert!(is_own(&process), "{process:?}");
    assert!(process.peak_rss >= process.rss, "{process:?}");
    let heap = process.heap.expect("jemalloc is the global allocator");
    assert!(heap.allocated >= 64 << 20, "{heap:?}");
    assert!(heap.allocated <= heap.active && heap.active <= heap.resident, "{heap:?}");
    assert!(heap.resident <= heap.mapped && heap.metadata > 0, "{heap:?}");
    let total = fs::read_to_string("/proc/meminfo").expect("/proc");
    assert!(
        total.contains(&format!("{} kB", process.physical_memory.expect("physical_memory") >> 10))
    );
    if let Some(limit) = &process.limit {
        match &limit.source {
            LimitSource::Cgroup(file) => {
                let text = fs::read_to_string(file).expect("a file that was read");
                assert_eq!(text.trim(), limit.bytes.to_string());
            }
            other => assert!(std::env::var_os(other.to_string()).is_some()),
        }
    }

    // SAFETY: the child calls what it needs and leaves without running anything of the
    // parent's; jemalloc and /proc may be used after `fork`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(touched);
        let more = vec![2_u8; 256 << 20];
        let code = i32::from(!is_own(&memprobe::process())) + 2 * i32::from(more[1] != 2);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) };
    }
    let mut code = 0;
    // SAFETY: waits for the child that was just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut code, 0) }, child);
    assert_eq!(code, 0, "the child's RSS is its own");
}
