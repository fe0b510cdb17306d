//! A random program: annotated functions, sync and async, that allocate, hand over, resize and keep
//! blocks on several threads, with work that is carried out of them. Wherever it is, it stops at
//! times and lets all blocks be compared.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use memprobe::{memprobe, probe};

use crate::blocks;
use crate::truth::{self, Place, memprobes};

/// Names of the functions, in the order of their numbers, which begin with 1.
pub const NAMES: [&str; 6] = ["read", "parse", "store", "fetch", "wait", "collect"];
const READ: u8 = 1;
const PARSE: u8 = 2;
const STORE: u8 = 3;
const FETCH: u8 = 4;
const WAIT: u8 = 5;
const COLLECT: u8 = 6;

/// The labels, in the order of their numbers.
pub const LABELS: [&str; 3] = ["entry", "first", "second"];

const THREADS: usize = 4;
/// Each thread stops so often, and does so much before each stop.
const STOPS: usize = 3;
const STEPS: usize = 1200;
/// Blocks at once: of a call, in each list that all share.
const OWN: usize = 48;
const SHARED: usize = 1500;

/// A block that nobody writes to.
#[derive(Debug)]
struct Block {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: the block is its own, and any thread may free it.
unsafe impl Send for Block {}

impl Block {
    fn new(size: usize) -> Block {
        let layout = Layout::from_size_align(size, 1).expect("a small size");
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout) };
        assert!(!start.is_null(), "memory");
        Block { start, layout }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: the layout is that of the block, and the new size is neither 0 nor large.
        let start = unsafe { realloc(self.start, self.layout, size) };
        assert!(!start.is_null(), "memory");
        self.start = start;
        self.layout = Layout::from_size_align(size, 1).expect("a small size");
    }

    fn size(&self) -> usize {
        self.layout.size()
    }

    fn is_ours(&self) -> bool {
        blocks::get(self.start.addr()).is_some_and(|known| known.now == truth::now())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the layout is that of the block.
        unsafe { dealloc(self.start, self.layout) }
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the threads share; nothing here grows, because growing is a resize by another.
struct Shared {
    handed_over: Mutex<Vec<Block>>,
    cache: Mutex<Vec<Block>>,
    tasks: Mutex<Vec<Task>>,
    stop: Barrier,
    go_on: Barrier,
    always_sampled: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread of the program.
struct Worker {
    shared: Arc<Shared>,
    random: u64,
    steps: usize,
    /// Polls that are in progress on this thread.
    polls: usize,
}

/// Runs the program of a seed, and calls `look` wherever it stops. Blocks of at least
/// `always_sampled` bytes are resized by others than their owners.
///
/// # Panics
///
/// If a thread of it panics.
pub fn run(seed: u64, always_sampled: usize, mut look: impl FnMut()) {
    let shared = Arc::new(Shared {
        handed_over: Mutex::new(Vec::with_capacity(SHARED)),
        cache: Mutex::new(Vec::with_capacity(SHARED)),
        tasks: Mutex::new(Vec::with_capacity(SHARED)),
        stop: Barrier::new(THREADS + 1),
        go_on: Barrier::new(THREADS + 1),
        always_sampled,
    });
    let threads: Vec<_> = (1..=THREADS as u64)
        .map(|thread| {
            let shared = shared.clone();
            let random = (seed * 64 + thread).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            std::thread::spawn(move || Worker { shared, random, steps: 0, polls: 0 }.work())
        })
        .collect();
    for _ in 0..STOPS {
        shared.stop.wait();
        look();
        shared.go_on.wait();
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    // Tasks that are not done are dropped here, on a thread that has polled none of them.
    memprobes(|| lock(&shared.tasks).clear());
}

impl Worker {
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 11) % below as u64) as usize
    }

    fn is_over(&self) -> bool {
        self.steps >= STOPS * STEPS
    }

    fn work(&mut self) {
        let mut own = Vec::with_capacity(OWN);
        while !self.is_over() {
            match self.random(4) {
                0 => memprobes(|| read(self)),
                1 => memprobes(|| parse(self)),
                _ => self.step(&mut own, 0),
            }
        }
    }

    fn size(&mut self) -> usize {
        let most = [256, 256, 4096, 4096, 4096, 16 << 10, 16 << 10, 16 << 10, 64 << 10];
        let most = most[self.random(most.len())];
        if self.random(500) == 0 { 5 << 20 } else { 1 + self.random(most) }
    }

    /// One thing that programs do with memory. `level` is how deep it may go.
    fn step(&mut self, own: &mut Vec<Block>, level: usize) {
        self.steps += 1;
        if self.steps % STEPS == 0 && self.steps <= STOPS * STEPS {
            self.shared.stop.wait();
            self.shared.go_on.wait();
        }
        let at = self.random(own.len().max(1));
        match self.random(20) {
            0..7 if own.len() < OWN => own.push(Block::new(self.size())),
            7 if !own.is_empty() => drop(own.swap_remove(at)),
            8..10 if !own.is_empty() => self.resize(&mut own[at]),
            10 if !own.is_empty() => self.give(own.swap_remove(at)),
            11 if !own.is_empty() => self.keep(own.swap_remove(at)),
            12 if own.len() < OWN => self.take(own),
            13 => self.spawn(),
            14..16 if self.polls == 0 => self.poll(),
            16 if level > 0 => self.carry(),
            17 if level > 0 => self.point(),
            18 if level == 1 => memprobes(|| store(self)),
            19 if level == 1 => memprobes(|| parse(self)),
            _ => {}
        }
    }

    /// The body of a call.
    fn steps(&mut self, level: usize) {
        let mut own = Vec::with_capacity(OWN);
        for _ in 0..5 + self.random(60) {
            if self.is_over() {
                break;
            }
            self.step(&mut own, level);
        }
        // What is left is freed, or goes to others.
        for block in own {
            if self.random(2) == 0 {
                self.give(block);
            }
        }
    }

    fn resize(&mut self, block: &mut Block) {
        if block.is_ours() || block.size() >= self.shared.always_sampled {
            let size = match self.random(3) {
                0 => block.size() + block.size() / 2 + 1,
                1 => 1 + block.size() / 2,
                _ => block.size() + 1 + self.random(5000),
            };
            block.resize(size.min(16 << 20));
        }
    }

    fn give(&mut self, block: Block) {
        let mut handed_over = lock(&self.shared.handed_over);
        if handed_over.len() < SHARED {
            handed_over.push(block);
        }
    }

    fn keep(&mut self, block: Block) {
        let at = self.random(SHARED);
        let mut cache = lock(&self.shared.cache);
        if cache.len() < SHARED / 2 {
            cache.push(block);
        } else {
            let at = at % cache.len();
            cache[at] = block;
        }
    }

    fn take(&mut self, own: &mut Vec<Block>) {
        let from = if self.random(3) == 0 { &self.shared.cache } else { &self.shared.handed_over };
        own.extend(lock(from).pop());
    }

    fn point(&mut self) {
        let first = self.random(2) == 0;
        memprobes(|| if first { probe!("first") } else { probe!("second") });
        truth::passed(if first { 1 } else { 2 });
    }

    /// A worker of its own, for work that goes on elsewhere.
    fn fork(&mut self, steps: usize) -> Worker {
        let random = self.random | 1;
        self.random(2);
        // It comes to no stop, because the others would wait for it.
        let steps = STOPS * STEPS + 1 + steps;
        Worker { shared: self.shared.clone(), random, steps, polls: 1 }
    }

    /// Allocates a few blocks, and hands them over.
    fn a_little(&mut self, level: usize) {
        let mut own = Vec::with_capacity(OWN);
        for _ in 0..=self.random(8) {
            self.step(&mut own, level);
        }
        for block in own {
            self.give(block);
        }
    }

    fn carry(&mut self) {
        let mut worker = self.fork(0);
        let mut place = Place::carried();
        let work = move || {
            place.run(|| {
                worker.a_little(2);
                if !truth::now().owner.is_inside(STORE) {
                    memprobes(|| store(&mut worker));
                }
                worker.a_little(2);
            });
            drop(place);
        };
        let work = memprobes(|| memprobe::carry(work));
        if self.random(4) == 0 {
            let run = std::thread::spawn(move || memprobes(work)).join();
            run.expect("no panic");
        } else {
            memprobes(work);
        }
    }

    fn spawn(&mut self) {
        let worker = self.fork(0);
        let task: Task = match self.random(3) {
            0 => {
                let place = Place::carried();
                let work = Placed { place: Some(place), future: Box::pin(worker.pieces()) };
                Box::pin(memprobes(|| memprobe::carry_future(work)))
            }
            1 => Box::pin(fetch(worker)),
            _ => Box::pin(collect(worker)),
        };
        let mut tasks = lock(&self.shared.tasks);
        let full = tasks.len() == SHARED;
        let replaced = if full { Some(tasks.swap_remove(0)) } else { None };
        tasks.push(task);
        drop(tasks);
        // Cancelled.
        memprobes(|| drop(replaced));
    }

    /// Polls a task that any thread may have begun.
    fn poll(&mut self) {
        let task = {
            let mut tasks = lock(&self.shared.tasks);
            if tasks.is_empty() {
                return;
            }
            let at = self.random as usize % tasks.len();
            tasks.swap_remove(at)
        };
        self.polls += 1;
        let mut task = Some(task);
        let mut context = Context::from_waker(Waker::noop());
        memprobes(|| {
            if task.as_mut().is_some_and(|task| task.as_mut().poll(&mut context).is_ready()) {
                task = None;
            }
        });
        self.polls -= 1;
        if let Some(task) = task {
            let mut tasks = lock(&self.shared.tasks);
            if tasks.len() < SHARED {
                return tasks.push(task);
            }
            drop(tasks);
            memprobes(|| drop(task));
        }
    }

    async fn pieces(mut self) {
        for _ in 0..2 + self.random(6) {
            self.a_little(2);
            next_poll().await;
        }
    }
}

// --- the annotated functions --------------------------------------------------------------

#[memprobe(name = "read")]
fn read(worker: &mut Worker) {
    truth::inside(READ, || worker.steps(1));
}

#[memprobe(name = "parse")]
fn parse(worker: &mut Worker) {
    truth::inside(PARSE, || worker.steps(2));
}

#[memprobe(name = "store")]
fn store(worker: &mut Worker) {
    truth::inside(STORE, || worker.a_little(2));
}

#[memprobe(name = "fetch")]
async fn fetch(mut worker: Worker) {
    let body = async move {
        worker.a_little(2);
        let random = worker.fork(0);
        let nested = Unmeasured { future: Some(Box::pin(wait(random))) };
        nested.await;
        worker.point();
        worker.pieces().await;
    };
    Placed::call(FETCH, body).await;
}

#[memprobe(name = "wait")]
async fn wait(worker: Worker) {
    Placed::call(WAIT, worker.pieces()).await;
}

#[memprobe(name = "collect")]
async fn collect(mut worker: Worker) {
    let body = async move {
        // Held over the awaits.
        let mut own = Vec::with_capacity(OWN);
        for _ in 0..worker.random(12) {
            worker.step(&mut own, 2);
            next_poll().await;
        }
    };
    Placed::call(COLLECT, body).await;
}

async fn next_poll() {
    let mut polled = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

// --- futures that say where they are ------------------------------------------------------

/// A future whose polls are in a place.
struct Placed<F> {
    place: Option<Place>,
    future: Pin<Box<F>>,
}

impl<F: Future> Placed<F> {
    /// The body of a call that begins here.
    fn call(function: u8, body: F) -> Placed<F> {
        let mut place = Place::begin(function);
        let future = place.run(|| Box::pin(body));
        Placed { place: Some(place), future }
    }
}

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Placed { place, future } = &mut *self;
        let place = place.as_mut().expect("not polled again");
        let result = place.run(|| future.as_mut().poll(context));
        if result.is_ready() {
            self.place = None;
        }
        result
    }
}

/// A future around whose polls memprobe may allocate.
struct Unmeasured<F> {
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Unmeasured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.future.as_mut().expect("polled before it is dropped");
        memprobes(|| future.as_mut().poll(context))
    }
}

impl<F> Drop for Unmeasured<F> {
    fn drop(&mut self) {
        memprobes(|| self.future = None);
    }
}
