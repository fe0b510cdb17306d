//! `docs/fleet.md` shows code that is here, and names every metric.

use std::fs;
use std::path::Path;
use std::process::Command;

use memprobe_fleet::{get, start};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file")
}

#[test]
fn the_code_of_the_page_is_that_of_the_programs() {
    let page = text("../../docs/fleet.md");
    let programs = ["src/bin/service.rs", "src/bin/lambda.rs", "tests/otlp.rs"].map(text);
    let blocks: Vec<_> = page.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    for block in blocks {
        let code = block.split("```").next().expect("an end");
        // The one that runs beside the exporter's own clock stands alone.
        let is_known = programs.iter().any(|program| program.contains(code.trim_end()));
        assert!(is_known || code.starts_with("tokio::spawn("), "{code}");
    }
}

#[test]
fn every_metric_is_on_the_page() {
    let mut service = Command::new(env!("CARGO_BIN_EXE_service"));
    let (_process, address) = start(service.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"));
    get(&address, "/render?kib=100").expect("a page");
    let metrics = get(&address, "/metrics").expect("metrics");
    let page = text("../../docs/fleet.md");
    let mut types = 0;
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a type");
        let row = page.lines().find(|row| row.contains(&format!("| `{name}` | {kind}")));
        assert!(row.is_some(), "{name} {kind}");
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is described");
        types += 1;
    }
    let rows = page.lines().filter(|row| row.starts_with("| `") && row.contains("` | `")).count();
    assert_eq!(types, rows, "{metrics}");
    let of_render = |metric: &str| {
        let labels = "{function=\"service::render\"";
        metrics.lines().filter(|line| line.starts_with(&format!("{metric}{labels}"))).count()
    };
    let histogram = |name: &str| {
        of_render(&format!("{name}_bucket"))
            + of_render(&format!("{name}_sum"))
            + of_render(&format!("{name}_count"))
    };
    let series = metrics.lines().filter(|line| line.contains("{function=\"service::render\""));
    let (segment, call): (Vec<_>, Vec<_>) = series.partition(|line| line.contains("segment="));
    assert_eq!(histogram("memprobe_call_peak_bytes"), 48);
    assert_eq!((call.len(), segment.len()), (104, 2 * 97), "as the page says: {metrics}");
}
