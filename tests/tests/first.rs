//! A first look.
#![allow(missing_docs)]
use memprobe::{memprobe, probe};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

#[memprobe]
fn holds() -> Vec<Vec<u8>> {
    let held = (0..100).map(|_| vec![1; MIB]).collect();
    probe!("held", n = 3, what = ?"x");
    held
}

#[memprobe]
async fn churns() -> usize {
    let mut sum = 0;
    for n in 0..10 {
        sum += std::hint::black_box(vec![1_u8; MIB]).len();
        tokio::task::yield_now().await;
        probe!("churned", n = n);
    }
    sum
}

#[tokio::test]
async fn look() {
    tracing_subscriber::fmt().init();
    drop(holds());
    assert_eq!(churns().await, 10 * MIB);
    probe!("outside");
    let report = memprobe::report();
    println!("{report}");
    assert_eq!(report.functions[0].name, "first::holds");
    assert!(report.functions[0].calls.net() >= (100 * MIB) as i64);
    assert!(report.functions[1].calls.net() < 1024);
    assert!(report.functions[1].calls.level < 2 * MIB as u64);
}
