//! The user's own fields: what each way to write one shows, in which order, and when it is
//! evaluated.

use std::cell::Cell;
use std::fmt;

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

/// Counts how often it is shown.
struct Page {
    name: &'static str,
    shown: Cell<usize>,
}

impl Page {
    fn new() -> Page {
        Page { name: "a page", shown: Cell::new(0) }
    }

    #[memprobe]
    fn method(&self) {
        probe!("method", ?self, name = self.name);
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.set(self.shown.get() + 1);
        write!(f, "Page({:?})", self.name)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.set(self.shown.get() + 1);
        f.write_str(self.name)
    }
}

const LIMIT_OF_ROWS: u64 = 9;

#[memprobe(rate = 0)]
fn writes(rows: usize, page: &Page, path: Option<u8>, r#type: &str) {
    let (ready, ratio) = (true, 0.5);
    probe!("values", rows, ready, ratio, r#type, LIMIT_OF_ROWS, path);
    probe!("shown", ?path, %page, first = ?page, last = %page.name, rows = rows + 1, ready,);
}

macro_rules! reads {
    ($variable:ident, $value:expr) => {{
        let rows = "the macro's";
        probe!("macro", rows, ?$variable, value = $value, shown = %$value);
        probe!("given", $variable = $value, name = rows);
    }};
}

#[memprobe(rate = 0)]
fn in_a_macro(count: &str) {
    reads!(count, count.len());
}

#[memprobe(rate = 1)]
fn loops(page: &Page, evaluated: &mut usize) {
    for _ in 0..1000 {
        probe!(
            "passed",
            ?page,
            count = {
                *evaluated += 1;
                *evaluated
            }
        );
    }
}

/// The fields between `label` and `call_id`, of all probes.
fn own() -> Vec<String> {
    let records = record::take();
    let probes = records.iter().filter(|record| record.get("memprobe") == Some("probe"));
    let own = probes.map(|record| {
        let fields = record.fields.iter().skip_while(|(name, _)| *name != "label").skip(1);
        let fields = fields.take_while(|(name, _)| *name != "call_id");
        fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    });
    own.collect()
}

#[test]
fn fields_are_as_they_are_written() {
    let page = Page::new();
    let mut evaluated = 0;
    loops(&page, &mut evaluated);
    writes(3, &page, Some(1), "t");
    assert_eq!((page.shown.get(), evaluated), (0, 0), "nobody wants the events");

    Recorder::install();
    writes(3, &page, Some(1), "t");
    writes(3, &page, None, "t");
    let shown = "page=a page first=Page(\"a page\") last=a page rows=4 ready=true";
    let of = |path| format!("path={path} {shown}");
    assert_eq!(
        own(),
        [
            "rows=3 ready=true ratio=0.5 type=t LIMIT_OF_ROWS=9 path=1",
            &of("Some(1)"),
            "rows=3 ready=true ratio=0.5 type=t LIMIT_OF_ROWS=9",
            &of("None"),
        ]
    );
    page.method();
    assert_eq!(own(), ["self=Page(\"a page\") name=a page"]);
    in_a_macro("four");
    assert_eq!(
        own(),
        ["rows=the macro's count=\"four\" value=4 shown=4", "count=4 name=the macro's"]
    );

    page.shown.set(0);
    loops(&page, &mut evaluated);
    let written = own().len();
    assert!((1..1000).contains(&written), "{written}");
    assert_eq!((page.shown.get(), evaluated), (written, written), "only where one is written");
}
