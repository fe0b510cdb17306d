//! Every shape of function that can carry the attribute is read, under its own name.

// Shapes that people have, whatever lints say of them here.
#![allow(
    clippy::boxed_local,
    clippy::default_constructed_unit_structs,
    clippy::multiple_bound_locations,
    clippy::semicolon_if_nothing_returned,
    clippy::unused_self,
    clippy::useless_vec
)]

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

const KIB: usize = 1 << 10;

fn block() -> Vec<u8> {
    std::hint::black_box(vec![1; 64 * KIB])
}

struct A;

impl A {
    #[memprobe(rate = 0)]
    fn new() -> A {
        drop(block());
        A
    }

    #[memprobe(rate = 0)]
    fn by_ref(&self) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_mut(&mut self) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_value(self) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_box(self: Box<Self>) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_rc(self: Rc<Self>) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_arc(self: &Arc<Self>) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    fn by_pin(self: Pin<&mut Self>) {
        drop(block());
    }

    #[memprobe(rate = 0)]
    async fn by_ref_async(&self, add: &[u8]) -> usize {
        block().len() + add.len()
    }
}

impl Default for A {
    #[memprobe(rate = 0)]
    fn default() -> A {
        drop(block());
        A
    }
}

struct B<T>(T);

impl<T> B<T> {
    #[memprobe(rate = 0)]
    fn new(inner: T) -> B<T> {
        drop(block());
        B(inner)
    }
}

trait Tr {
    #[memprobe(rate = 0)]
    fn provided(&self) {
        drop(block());
    }

    fn required(&self);
}

impl Tr for A {
    #[memprobe(rate = 0)]
    fn required(&self) {
        drop(block());
    }
}

#[async_trait]
trait Boxed {
    async fn run(&self, n: usize) -> usize;
}

#[async_trait]
impl Boxed for A {
    #[memprobe(rate = 0)]
    async fn run(&self, n: usize) -> usize {
        let kept = block();
        memprobe_tests::yield_now().await;
        kept.len() + n
    }
}

#[memprobe(rate = 0)]
fn generic<T: AsRef<[u8]> + ?Sized, const N: usize>(bytes: &T) -> usize
where
    T: std::fmt::Debug,
{
    drop(block());
    bytes.as_ref().len() + N
}

#[memprobe(rate = 0)]
fn returns_impl(n: usize) -> impl Future<Output = usize> {
    let more = n + 1;
    async move {
        drop(block());
        more
    }
}

#[memprobe(rate = 0)]
fn returns_boxed(n: &usize) -> Pin<Box<dyn Future<Output = Result<usize, String>> + '_>> {
    Box::pin(async move {
        drop(block());
        let n: usize = "1".parse::<usize>().map_err(|error| error.to_string())? + n;
        Ok(n)
    })
}

#[memprobe(rate = 0)]
async fn fails(text: &str) -> Result<usize, Box<dyn std::error::Error>> {
    drop(block());
    Ok(text.parse::<usize>()?)
}

#[memprobe(rate = 0)]
fn early(stop: bool) -> Option<u8> {
    drop(block());
    if stop {
        return None;
    }
    Some(1)
}

/// The functions that were called, and that each of them was read.
fn called() -> Vec<String> {
    let mut names = Vec::new();
    for record in record::take() {
        if record.get("memprobe") == Some("exit") {
            assert_eq!(record.number("call_peak"), 64 << 10, "{record:#?}");
            names.push(record.get("function").unwrap_or_default().to_owned());
        }
    }
    names
}

#[tokio::test(flavor = "current_thread")]
async fn every_shape_is_read_under_its_own_name() {
    Recorder::install();

    let mut a = A::new();
    a.by_ref();
    a.by_mut();
    Pin::new(&mut a).by_pin();
    assert_eq!(a.by_ref_async(&[1, 2]).await, 64 * KIB + 2);
    a.by_value();
    Box::new(A).by_box();
    Rc::new(A).by_rc();
    Arc::new(A).by_arc();
    let methods = [
        "new",
        "by_ref",
        "by_mut",
        "by_pin",
        "by_ref_async",
        "by_value",
        "by_box",
        "by_rc",
        "by_arc",
    ];
    assert_eq!(called(), methods.map(|method| format!("attribute_shapes::A::{method}")));

    let _ = (A::default(), B::new(1).0);
    A.provided();
    A.required();
    assert_eq!(
        called(),
        [
            "<attribute_shapes::A as core::default::Default>::default",
            "attribute_shapes::B<_>::new",
            "attribute_shapes::Tr::provided",
            "<attribute_shapes::A as attribute_shapes::Tr>::required",
        ],
        "told apart without a word of the user"
    );

    assert_eq!(Boxed::run(&A, 1).await, 64 * KIB + 1);
    assert_eq!(generic::<str, 3>("ab"), 5);
    assert_eq!(returns_impl(1).await, 2);
    assert_eq!(returns_boxed(&1).await, Ok(2));
    assert!(fails("x").await.is_err());
    assert_eq!(early(true), None);
    assert_eq!(early(false), Some(1));
    let functions = [
        "<attribute_shapes::A as attribute_shapes::Boxed>::run",
        "attribute_shapes::generic",
        "attribute_shapes::returns_impl",
        "attribute_shapes::returns_boxed",
        "attribute_shapes::fails",
        "attribute_shapes::early",
        "attribute_shapes::early",
    ];
    assert_eq!(called(), functions);

    memprobe::scope("block", || drop(block()));
    let sum = memprobe::scope_future("future", async { block().len() }).await;
    assert_eq!(sum, 64 * KIB);
    assert_eq!(called(), ["block", "future"]);
    probes_work_anywhere().await;
}

#[memprobe(rate = 0)]
async fn probing() {
    let _ = block();
    for round in 0..2 {
        probe!("loop", round = round);
    }
    (0..1).for_each(|_| probe!("closure"));
    let list = vec![{
        probe!("vec");
        1
    }];
    tokio::select! {
        biased;
        () = async { probe!("select") } => {}
        () = std::future::pending() => {}
    }
    tokio::join!(async { probe!("join") }, async {
        tokio::task::yield_now().await;
        probe!("joined")
    });
    helper();
    let thread = std::thread::spawn(move || probe!("thread", list = list.len()));
    thread.join().expect("no panic");
}

fn helper() {
    probe!("helper");
}

async fn probes_work_anywhere() {
    probing().await;
    probe!("outside");
    let records = record::take();
    let seen: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let kind = record.get("memprobe").filter(|kind| *kind != "entry")?;
            Some((kind, record.get("function")?, record.get("from"), record.get("label")?))
        })
        .collect();
    let labels = ["entry", "loop", "loop", "closure", "vec", "select", "join", "joined", "helper"];
    let mut expected: Vec<_> = labels
        .windows(2)
        .map(|pair| ("probe", "attribute_shapes::probing", Some(pair[0]), pair[1]))
        .collect();
    expected.push(("snapshot", "attribute_shapes::probing", None, "thread"));
    expected.push(("exit", "attribute_shapes::probing", Some("helper"), "return"));
    expected.push(("snapshot", "attribute_shapes::probes_work_anywhere", None, "outside"));
    assert_eq!(seen, expected);
}
