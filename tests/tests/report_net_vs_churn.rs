//! Holding 100 × 1 MiB and churning 100 × 1 MiB look different, in the events and in the
//! report.

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;
const HUNDRED: i64 = 100 << 20;

#[memprobe]
fn holds() -> Vec<Vec<u8>> {
    let held = (0..100).map(|_| vec![1; MIB]).collect();
    probe!("held");
    held
}

#[memprobe]
fn churns() {
    for _ in 0..100 {
        drop(std::hint::black_box(vec![1_u8; MIB]));
    }
    probe!("churned");
}

#[test]
fn holding_and_churning_look_different() {
    Recorder::install();
    drop(holds());
    churns();
    let records = record::take();
    let [_, held, holds, _, churned, churns] = &records[..] else {
        panic!("three events each: {records:#?}")
    };
    let near = |bytes: i64, expected: i64| (expected..expected + 16 * 1024).contains(&bytes);
    for record in [held, churned] {
        assert!(near(record.number("allocated"), HUNDRED), "both ask for as much: {record:#?}");
    }
    assert!(near(held.number("peak"), HUNDRED));
    assert!(near(held.number("net"), HUNDRED));
    assert!(near(held.number("held"), HUNDRED));
    assert_eq!(held.number("freed"), 0);
    assert!(near(churned.number("peak"), MIB as i64));
    assert_eq!(churned.number("net"), 0);
    assert_eq!(churned.number("held"), 0);
    assert_eq!(churned.number("freed"), churned.number("allocated"));

    assert_eq!(holds.get("call_peak_from"), Some("entry"));
    assert_eq!(holds.get("call_peak_label"), Some("held"));
    assert!(near(holds.number("call_net"), HUNDRED), "what it hands to its caller is kept");
    assert_eq!(churns.number("call_net"), 0);

    let report = memprobe::report();
    let names: Vec<_> = report.functions.iter().map(|function| function.name).collect();
    assert_eq!(
        names,
        ["report_net_vs_churn::holds", "report_net_vs_churn::churns"],
        "the higher first"
    );
    let [first, second] = &report.functions[..] else { panic!("{report}") };
    assert!(near(first.figures.as_ref().expect("jemalloc").net(), HUNDRED));
    assert_eq!(second.figures.as_ref().expect("jemalloc").net(), 0);
    assert_eq!(first.figures.as_ref().expect("jemalloc").peak, holds.number("call_peak") as u64);
    assert_eq!(second.figures.as_ref().expect("jemalloc").peak, churns.number("call_peak") as u64);
    assert_eq!(
        second.figures.as_ref().expect("jemalloc").allocated,
        churned.number("allocated") as u64
    );
    let table = report.to_string();
    assert!(table.contains("entry -> held"), "{table}");
    assert!(table.find("::holds") < table.find("::churns"), "{table}");
    println!("{table}");
}
