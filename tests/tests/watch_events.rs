//! The watch without a kill: its event, its switch, what it says after a `fork`.

use std::process::{Command, Output, Stdio};

use memprobe_tests::watch_line;
use serde_json::Value;

fn run(scenario: &str, variables: &[(&str, &str)]) -> Output {
    run_as(scenario, variables).1
}

/// The id of the process too.
fn run_as(scenario: &str, variables: &[(&str, &str)]) -> (u32, Output) {
    let victim = Command::new(env!("CARGO_BIN_EXE_victim"))
        .arg(scenario)
        .env_remove("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let pid = victim.id();
    let output = victim.wait_with_output().expect("the victim runs");
    assert!(output.status.success(), "{output:?}");
    (pid, output)
}

#[test]
fn the_event_says_the_same_at_the_next_point() {
    let (pid, output) = run_as("events", &[]);
    let lines = watch_line::lines(&output.stderr);
    let stderr = String::from_utf8(output.stderr).expect("text");
    let stdout = String::from_utf8(output.stdout).expect("text");
    let events: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 2, "a threshold speaks again once it is armed anew: {stdout}");
    assert_eq!(lines.len(), 2, "{stderr}");
    for ((event, line), text) in events.iter().zip(&lines).zip(stderr.lines()) {
        assert_eq!(
            (&event["level"], &event["target"]),
            (&"WARN".into(), &"memprobe::watch".into())
        );
        let fields = &event["fields"];
        assert_eq!(fields["message"].as_str(), text.strip_prefix("memprobe: "));
        assert_eq!(fields["memprobe"], "watch");
        assert_eq!(
            (&fields["function"], &fields["label"]),
            (&"victim::inner".into(), &"inside".into())
        );
        assert_eq!((&fields["threshold"], &fields["limit"]), (&50.0.into(), &(64 << 20).into()));
        let bytes = |name: &str| fields[name].as_u64().unwrap_or_else(|| panic!("{name}: {event}"));
        assert!(bytes("estimate") >= bytes("active").max(bytes("rss")), "{event}");
        assert!((54 << 20..56 << 20).contains(&bytes("asked")), "{event}");
        assert!(fields.get("cgroup").is_none(), "the limit is not the cgroup's: {event}");
        assert_eq!(fields["pid"], pid);
        assert_eq!(line.get("pid"), pid.to_string());
        for key in ["at", "callers", "running", "kept_by_finished_calls", "not_in_annotated_code"] {
            assert_eq!(
                fields.get(key).map_or("", |value| value.as_str().expect("text")),
                line.get(key)
            );
        }

        assert_eq!((line.get("by"), line.get("after")), ("victim::inner", "inside"));
        assert_eq!(line.get("callers"), "victim::outer after 'outside'");
        let [inner, outer] = line.items("running")[..] else { panic!("{line:?}") };
        assert!(inner.starts_with("victim::inner 54.0MiB ("), "{line:?}");
        assert!(outer.starts_with("victim::outer 0B ("), "{line:?}");
    }
    // The subscriber has the time of day from elsewhere, to the µs.
    let at = "2026-11-25T13:02:11.123".len();
    let written = |event: &Value| event["timestamp"].as_str().expect("text")[..at].to_owned();
    let times = lines.iter().zip(&events).flat_map(|(line, event)| {
        assert!(line.get("at").ends_with('Z') && line.get("at").len() == at + 1, "{line:?}");
        [line.get("at")[..at].to_owned(), written(event)]
    });
    assert!(times.is_sorted(), "{stderr}{stdout}");
}

#[test]
fn it_has_a_switch_and_a_limit_to_find() {
    let mode = |variables: &[(&str, &str)]| {
        let output = run("mode", variables);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).expect("text")
    };
    let lambda = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    assert_eq!(mode(&[lambda]), "Ok(Hook)\n");
    assert_eq!(mode(&[lambda, ("MEMPROBE_WATCH", "off")]), "Ok(Off)\n");
}

#[test]
fn after_a_fork_it_reads_the_child() {
    let (parent, output) = run_as("forked", &[]);
    let lines = watch_line::lines(&output.stderr);
    let last = lines.last().expect("the child crosses a threshold");
    assert!(last.mib("rss") > 50.0, "{last:?}");
    assert_ne!(last.get("pid"), parent.to_string());
}
