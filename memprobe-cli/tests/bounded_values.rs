//! A value of a document or a record of a table without an end does not fill the memory. It is the
//! only test here, since the memory of the process is measured.

mod common;

use std::io::Read as _;

use common::{log, model_of};

/// The most memory that the process has had, in bytes.
fn highest() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    kib.unwrap_or(0_u64) << 10
}

#[test]
fn a_value_or_a_record_without_an_end_is_passed_over_and_told_of() {
    const LENGTH: u64 = 64 << 20;
    let plain = log("json-flat.log");
    let exit = plain.lines().find(|line| line.contains("\"exit\"")).expect("an exit");
    let message = serde_json::to_string(exit).expect("JSON");
    let quoted = exit.replace('"', "\"\"");
    for (start, end) in [
        ("{\"events\":[{\"message\":\"".into(), format!("\"}},{{\"message\":{message}}}]}}")),
        ("{\n\"a\": \"".into(), format!("\"\n}}\n{exit}")),
        ("{\"a\":[".into(), format!("1]}}\n{exit}")),
        ("{\"events\":[{}],\"a\":\"".into(), format!("\"}}\n{exit}")),
        ("[{\"a\":1},".into(), format!("1]\n{exit}")),
        ("{\n \"a\":\n b".into(), format!("\n{exit}")),
        (format!("timestamp,message\n1,\"a\n1,\"{quoted}\"\n"), "\n".to_owned()),
        ("timestamp,message\n1,\"a".into(), format!("\n1,\"{quoted}\"\n")),
    ] {
        let before = highest();
        let middle = std::io::repeat(b'1').take(LENGTH);
        let (model, _) = model_of(start.as_bytes().chain(middle).chain(end.as_bytes()));
        assert_eq!(model.counts.events, 1, "{start} … {end}: {:?}", model.unreadable);
        assert!(
            (1..3).contains(&model.counts.unreadable),
            "{start} … {end}: {:?}",
            model.unreadable
        );
        let grown = highest() - before;
        assert!(grown < 40 << 20, "{start} … {end}: {grown}");
    }
}
