//! The attribute that stands higher works first: below `#[tokio::main]` what starts the
//! runtime is read as well.

memprobe::global_allocator!();

#[memprobe::memprobe]
#[tokio::main(flavor = "current_thread")]
async fn above() {
    std::hint::black_box(vec![1_u8; 64 << 10]);
}

#[tokio::main(flavor = "current_thread")]
#[memprobe::memprobe]
async fn below() {
    std::hint::black_box(vec![1_u8; 64 << 10]);
}

fn main() {
    above();
    below();
    let report = memprobe::report();
    let allocated = |name| {
        let function = report.functions.iter().find(|function| function.name == name).unwrap();
        function.figures.as_ref().unwrap().allocated
    };
    assert_eq!(allocated("case::above"), 64 << 10);
    assert!(allocated("case::below") > 65 << 10);
}
