//! Programs that run into their memory limit, each in a way of its own: `tests/watch_oom.rs` puts
//! them into a cgroup and reads what they leave behind.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Duration;

use memprobe::watch::WatchMode;
use memprobe::{Limit, Watch, memprobe, probe};
use memprobe_tests::listener::Listener;
use memprobe_tests::yield_now;
use tracing::Event;

#[cfg(not(feature = "live"))]
memprobe::global_allocator!();
// As `tests/live` builds it.
#[cfg(feature = "live")]
memprobe::global_allocator!(live);

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let scenario = arguments.next().unwrap_or_default();
    let number = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let watch = match &*scenario {
        "c_malloc" | "tmpfs" => Watch::new().sample_every(Duration::from_millis(2)),
        "crossings" | "forked" => Watch::new().limit(Limit::from_bytes(64 << 20)),
        "events" => Watch::new().limit(Limit::from_bytes(64 << 20)).thresholds([0.5]),
        _ => Watch::new(),
    };
    let mode = watch.install();
    match &*scenario {
        "mode" => return println!("{mode:?}"),
        "changed" => {
            assert!(matches!(mode, Ok(WatchMode::Hook | WatchMode::Off)), "off without a limit");
        }
        _ => assert_eq!(mode, Ok(WatchMode::Hook), "in a cgroup with a limit"),
    }
    if arguments.next().as_deref() == Some("uploads") {
        memprobe_tests::uploads::start();
    }
    match &*scenario {
        "one_of_many" => run(one_of_many()),
        "small_boxes" => small_boxes(),
        "huge" => huge(),
        "push" => push(number),
        "no_probe" => no_probe(),
        "no_point" => no_point(),
        "blocking" => run(async { tokio::task::spawn_blocking(blocking).await.expect("killed") }),
        "leaks" => (0..10_000).for_each(|_| leaks()),
        "nested_leaks" => (0..10_000).for_each(|_| handler()),
        "handed_out" => handed_out(),
        "handed_out_before" => handed_out_before(),
        "handed_over" => handed_over(),
        "equal" => run(equal_calls()),
        "not_annotated" => not_annotated(),
        "c_malloc" => c_malloc(),
        "tmpfs" => tmpfs(),
        "last_label" => {
            tracing_subscriber::fmt().with_ansi(false).init();
            small_boxes();
        }
        "reservation" => reservation(),
        "crossings" => crossings(number),
        "events" => events(),
        "forked" => forked(),
        "changed" => changed(number),
        "mapped" => mapped(),
        _ => panic!("no scenario {scenario:?}"),
    }
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(future);
}

fn touched(bytes: usize) -> Vec<u8> {
    black_box(vec![1; bytes])
}

/// One task of a hundred grows without bound; the others hold a little and churn.
async fn one_of_many() {
    let tasks: Vec<_> = (0..100)
        .map(|index| if index == 37 { tokio::spawn(culprit()) } else { tokio::spawn(bystander()) })
        .collect();
    for task in tasks {
        task.await.expect("killed first");
    }
}

#[memprobe]
async fn culprit() {
    let mut held = vec![touched(8 * KIB)];
    probe!("loaded");
    loop {
        held.push(touched(300 * KIB));
        yield_now().await;
    }
}

#[memprobe]
async fn bystander() {
    let held = touched(16 * KIB);
    probe!("waiting");
    loop {
        drop(touched(held.len() + held.len() / 2));
        yield_now().await;
    }
}

#[memprobe]
fn small_boxes() {
    let mut boxes = Vec::new();
    probe!("opened");
    loop {
        boxes.push(black_box(Box::new([1_u8; 200])));
    }
}

#[memprobe]
fn huge() {
    probe!("sized");
    touch(&mut black_box(Vec::with_capacity(400 * MIB)));
}

fn touch(block: &mut Vec<u8>) {
    block.resize(block.capacity(), 1);
}

#[memprobe]
fn push(capacity: usize) {
    let mut list = Vec::<u64>::with_capacity(capacity);
    probe!("opened");
    loop {
        list.push(black_box(list.len() as u64));
    }
}

#[memprobe]
fn no_probe() {
    let mut held = Vec::new();
    loop {
        held.push(touched(10 * KIB));
    }
}

/// One thread grows in a loop without points and stops below all thresholds; another crosses them.
fn no_point() {
    let grown = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| grows_and_stays(&grown));
        grown.wait();
        creeps();
    });
}

#[memprobe]
fn grows_and_stays(grown: &Barrier) {
    let held: Vec<_> = (0..8 * 90).map(|_| touched(112 * KIB)).collect();
    grown.wait();
    loop {
        std::thread::park();
        black_box(&held);
    }
}

#[memprobe]
fn creeps() {
    let mut held = Vec::new();
    loop {
        held.push(touched(10 * KIB));
    }
}

#[memprobe]
fn blocking() {
    let mut held = Vec::new();
    probe!("unpacking");
    loop {
        held.push(touched(10 * KIB));
    }
}

#[memprobe]
fn leaks() {
    std::mem::forget(touched(40 * KIB));
}

#[memprobe]
fn handler() {
    let given_back = given();
    cache_put(&given_back);
}

#[memprobe]
fn given() -> Vec<u8> {
    touched(100 * KIB)
}

#[memprobe]
fn cache_put(page: &[u8]) {
    std::mem::forget(touched(page.len() * 2 / 5));
}

/// Requests whose bodies and results are a framework's, and a cache that is never emptied.
fn handed_out() {
    build_index();
    loop {
        drop(upload(touched(2 * MIB)));
        drop(search(MIB));
        remember();
    }
}

#[memprobe]
fn build_index() {
    std::mem::forget(touched(8 * MIB));
}

#[memprobe]
fn upload(body: Vec<u8>) -> Vec<u8> {
    let result = touched(body.len() / 100);
    drop(body);
    result
}

#[memprobe]
fn search(bytes: usize) -> Vec<u8> {
    touched(bytes)
}

#[memprobe]
fn remember() {
    std::mem::forget(touched(300 * KIB));
}

/// All that was handed out would have its place among what is there at the end; not among what
/// was there before.
fn handed_out_before() {
    for _ in 0..100 {
        drop(search(700 * KIB));
        std::thread::sleep(Duration::from_millis(1));
    }
    (0..100).for_each(|_| remember());
    no_probe();
}

/// One call makes blocks for ever, and hands them to a thread that frees them and leaks.
fn handed_over() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(4);
    std::thread::scope(|scope| {
        scope.spawn(move || serve(&sender));
        for block in receiver {
            drop::<Vec<u8>>(block);
            remember();
        }
    });
}

#[memprobe]
fn serve(sender: &std::sync::mpsc::SyncSender<Vec<u8>>) {
    probe!("started");
    while sender.send(touched(MIB)).is_ok() {}
}

/// A hundred calls of one function, none of them larger than the others.
async fn equal_calls() {
    let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(equal())).collect();
    for task in tasks {
        task.await.expect("killed first");
    }
}

#[memprobe]
async fn equal() {
    let mut held = vec![touched(8 * KIB)];
    probe!("started");
    loop {
        held.push(touched(20 * KIB));
        yield_now().await;
    }
}

fn not_annotated() {
    small_call();
    let mut held = Vec::new();
    loop {
        held.push(touched(10 * KIB));
    }
}

#[memprobe]
fn small_call() {
    drop(touched(10 * KIB));
}

#[memprobe]
fn c_malloc() {
    loop {
        // SAFETY: a fresh block of that size.
        unsafe {
            let block = libc::malloc(MIB);
            libc::memset(block, 1, MIB);
            black_box(block);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[memprobe]
fn tmpfs() {
    // SAFETY: the name ends with NUL; the descriptor is new and nobody else's.
    let file = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"victim".as_ptr(), 0)) };
    let mut file = File::from(file);
    let page = touched(MIB);
    loop {
        file.write_all(&page).expect("killed first");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Larger than the limit, and never touched: nothing happens.
#[memprobe]
fn reservation() {
    probe!("sized");
    black_box(Vec::<u8>::with_capacity(400 * MIB));
}

/// Sixteen threads that cross the thresholds together, so many times, while a subscriber and a
/// panic hook allocate and lock.
fn crossings(cycles: usize) {
    Listener(greedy).install();
    std::panic::set_hook(Box::new(|panic| keep(panic.to_string())));
    let barrier = Barrier::new(16);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let barrier = &barrier;
            scope.spawn(move || {
                for cycle in 0..cycles {
                    barrier.wait();
                    let held = crowded();
                    barrier.wait();
                    drop(held);
                    if cycle % 16 == thread {
                        assert!(std::panic::catch_unwind(panicking).is_err());
                    }
                }
            });
        }
    });
    println!("events: {}", WATCH_EVENTS.load(Ordering::Relaxed));
}

#[memprobe]
fn crowded() -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    for _ in 0..6 {
        // Not touched: only what jemalloc has given out counts, and it counts at once.
        held.push(black_box(Vec::with_capacity(MIB)));
    }
    probe!("crowded");
    held
}

#[memprobe]
fn panicking() {
    let _held = black_box(Vec::<u8>::with_capacity(MIB));
    panic!("as meant");
}

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCH_EVENTS: AtomicUsize = AtomicUsize::new(0);

/// Allocates enough, with the lock held, that the watch is called back here.
fn keep(text: String) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    drop(black_box(Vec::<u8>::with_capacity(300 * KIB)));
    kept.push(text);
    if kept.len() > 100 {
        kept.clear();
    }
}

/// As a subscriber that locks, and allocates while it does.
fn greedy(event: &Event<'_>) {
    if event.metadata().target() == "memprobe::watch" {
        WATCH_EVENTS.fetch_add(1, Ordering::Relaxed);
    }
    keep(format!("{event:?}"));
}

/// Crosses a threshold, comes to a point, and does it again once the threshold is armed anew.
fn events() {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN).init();
    for _ in 0..2 {
        outer();
        // Too little to cross a threshold; enough to be looked at.
        drop(black_box(Vec::<u8>::with_capacity(MIB)));
    }
}

#[memprobe]
fn outer() {
    probe!("outside");
    inner();
}

#[memprobe]
fn inner() {
    probe!("inside");
    let held = black_box(Vec::<u8>::with_capacity(54 * MIB));
    probe!("grown");
    drop(held);
}

/// Waits until its limit is changed from outside, then grows without bound, or so many MiB.
fn changed(mib: usize) {
    println!("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // A move to another group is looked for now and then.
    std::thread::sleep(Duration::from_millis(150));
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).init();
    let held = changed_and_grows(if mib == 0 { usize::MAX } else { mib });
    println!("{:?}", memprobe::process().limit.map(|limit| limit.bytes));
    println!("{:?}", memprobe::status().limit.map(|limit| limit.bytes));
    drop(held);
}

#[memprobe]
fn changed_and_grows(mib: usize) -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    while held.len() < mib {
        held.push(touched(MIB));
    }
    held
}

/// Maps a file that the page cache has already, and needs memory beside it.
fn mapped() {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).init();
    let path = std::env::args().nth(2).expect("a file");
    let file = File::open(path).expect("the file");
    let len = file.metadata().expect("its size").len() as usize;
    // SAFETY: a mapping of a file that nobody changes, to be read.
    let pages = unsafe {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let start = libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ,
            flags,
            std::os::fd::AsRawFd::as_raw_fd(&file),
            0,
        );
        assert_ne!(start, libc::MAP_FAILED);
        std::slice::from_raw_parts(start.cast::<u8>(), len)
    };
    reads(pages);
    let report = memprobe::report();
    let _ = report.write_json(File::create("/dev/stderr").expect("a pipe"));
    eprintln!();
    eprint!("{report}");
    eprint!("{}", report.to_html());
}

#[memprobe]
fn reads(pages: &[u8]) {
    let sum: u64 = pages.iter().step_by(4096).map(|&byte| u64::from(byte)).sum();
    black_box(sum);
    let held = touched(80 * MIB);
    probe!("held");
    drop(held);
}

/// A child process that grows, where its parent is small.
fn forked() {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        0 => {
            let mut held = Vec::new();
            for _ in 0..60 {
                held.push(touched(MIB));
            }
        }
        child => {
            let mut status = 0;
            // SAFETY: writes one `c_int`.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((waited, status), (child, 0));
        }
    }
}
