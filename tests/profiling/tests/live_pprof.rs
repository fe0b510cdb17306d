//! Who owns the live memory, in the format of pprof, as `go tool pprof` reads it.

use std::fs::File;
use std::hint::black_box;
use std::process::Command;

use memprobe::{memprobe, probe};

memprobe::global_allocator!(live);

#[memprobe(name = "remember")]
fn remember() -> Vec<Vec<u8>> {
    probe!("begun");
    // Small blocks, some of which are sampled.
    (0..16_384).map(|_| black_box(vec![1_u8; 1024])).collect()
}

#[memprobe(name = "load")]
fn load() -> Vec<u8> {
    let block = black_box(vec![1_u8; 24 << 20]);
    probe!("read");
    block
}

#[test]
fn each_owner_has_its_tags_and_its_bytes() {
    // The sampling begins at the first point.
    drop(load());
    let kept = (remember(), load());
    let live = memprobe::live().expect("it is sampled");
    let file = std::env::temp_dir().join(format!("memprobe-live-{}.pb.gz", std::process::id()));
    live.write_pprof(File::create(&file).expect("a file")).expect("written");
    let go = |arguments: &[&str]| {
        let output = Command::new("go").args(["tool", "pprof"]).args(arguments).arg(&file).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let texts = go(&["-tags", "-unit=b"]).zip(go(&["-top", "-cum", "-unit=b"]));
    std::fs::remove_file(&file).expect("removed");
    let Some((tags, top)) = texts else {
        eprintln!("SKIPPED no `go tool pprof` is installed");
        return;
    };
    // `24000000.0B (50%): load`
    let tagged = |name: &str| {
        let row = tags.lines().find(|row| row.trim_end().ends_with(&format!(": {name}")));
        let row = row.unwrap_or_else(|| panic!("{name} in {tags}"));
        let bytes = row.trim_start().split('B').next().and_then(|text| text.parse::<f64>().ok());
        bytes.expect("a number")
    };
    let owned = |function: &str| {
        let owners = live.owners.iter().filter(|owner| owner.path.last() == Some(&function));
        owners.map(|owner| owner.live.bytes as f64).sum::<f64>()
    };
    assert!((tagged("load") - owned("load")).abs() < 1.0, "{tags}");
    assert!((tagged("remember") - owned("remember")).abs() < 1.0, "{tags}");
    assert!(owned("load") > 24e6 && owned("remember") > 10e6, "{live:?}");
    assert!(tagged("begun") > 10e6, "{tags}");
    assert!(top.contains("live_pprof::remember"), "a stack with names: {top}");
    drop(kept);
}
