//! Processes of a log are told apart, and a kill is that of the process that it was of.

mod common;

use common::{errors, log, model, run, shown, text};
use memprobe_cli::model::Model;

fn event(kind: &str, id: u64, uptime_us: u64) -> String {
    let at = 1_764_079_200_000_000 + uptime_us;
    let exit = "\"outcome\":\"returned\",\"duration_us\":1,\"call_peak\":1,\"call_net\":1,\
                \"call_allocated\":1,\"call_freed\":0,";
    let figures = "\"from\":\"entry\",\"label\":\"x\",\"peak\":1,\"net\":1,\"held\":1,\
                   \"allocated\":1,\"freed\":0,";
    let more = match kind {
        "entry" => String::new(),
        "probe" => figures.to_owned(),
        _ => format!("{figures}{exit}"),
    };
    let (seconds, micros) = (at / 1_000_000 % 86_400, at % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{{\"timestamp\":\"2026-11-25T{hour:02}:{minute:02}:{second:02}.{micros:06}Z\",\"fields\":{{\
         \"memprobe\":\"{kind}\",\"function\":\"a::f\",\"call_id\":{id},{more}\
         \"uptime_us\":{uptime_us}}}}}"
    )
}

/// A call that begins at this age of the process and takes a millisecond.
fn call(id: u64, uptime_us: u64) -> String {
    let (entry, exit) = (event("entry", id, uptime_us), event("exit", id, uptime_us + 1000));
    format!("{entry}\n{exit}\n")
}

/// The name of each process, how many calls of it are open, and what says that it was killed.
fn processes(lines: &str) -> Vec<(String, usize, Option<&'static str>)> {
    let (model, _) = model(lines.as_bytes());
    assert_eq!(model.counts.unreadable, 0, "{:?}", model.unreadable);
    let Model { processes, .. } = model;
    let words =
        |process: &memprobe_cli::model::Process| process.death.as_ref().map(|death| death.words);
    processes.iter().map(|one| (one.name(), one.open.len(), words(one))).collect()
}

/// The only process that was killed, by its name.
fn killed(lines: &str) -> Vec<String> {
    let killed = processes(lines).into_iter().filter(|(.., words)| words.is_some());
    killed.map(|(name, ..)| name).collect()
}

#[test]
fn a_process_that_is_started_anew_is_another() {
    let calls = |ids: std::ops::Range<u64>, from: u64| {
        ids.map(|id| call(id, from + id * 1_000_000)).collect::<String>()
    };
    let first = calls(1..5, 0) + &event("entry", 5, 5_100_000) + "\n";
    // It is older at its first event than the other was at its last; its clock is 20 s later.
    let second = calls(1..4, 6_000_000).replace("T14:00:0", "T14:00:2");
    for end in ["Killed\n", ""] {
        let both = processes(&format!("{first}{end}{second}"));
        let open: Vec<usize> = both.iter().map(|(_, open, _)| *open).collect();
        assert_eq!(open, [1, 0], "{end}");
    }
}

#[test]
fn a_kill_is_that_of_the_container_that_it_names() {
    let line = |name: &str, id: u64| {
        let event = event("entry", id, id * 1000);
        format!("{name} | {event}\n")
    };
    let two = line("app-1", 1) + &line("worker-1", 2);
    assert_eq!(killed(&format!("{two}app-1 exited with code 137\n")), ["app-1"]);
    assert_eq!(killed(&format!("{two}worker-1 exited with code 137\n")), ["worker-1"]);
    assert!(killed(&format!("{two}db-1 exited with code 137\n")).is_empty());
    // Of which it is, nothing says.
    assert!(killed(&format!("{two}signal: killed\n")).is_empty());
    let one = line("app-1", 1);
    assert!(killed(&format!("{one}db-1 exited with code 137\n")).is_empty());
    assert_eq!(killed(&format!("{one}signal: killed\n")), ["app-1"]);
}

#[test]
fn a_kill_in_another_stream_is_of_another_process_unless_it_names_this_one() {
    let line = |stream: &str, line: &str| {
        let message = serde_json::to_string(line).expect("JSON");
        format!("{{\"logStreamName\":\"{stream}\",\"message\":{message}}}\n")
    };
    let one = line("aaaa", &event("entry", 1, 1000));
    let kill = "RequestId: 8f Error: Runtime exited with error: signal: killed";
    assert_eq!(killed(&(one.clone() + &line("aaaa", kill))), ["aaaa"]);
    assert!(killed(&(one + &line("cccc", kill))).is_empty());
    let pod = format!("[pod/web-7d/app] {}\n", event("entry", 1, 1000));
    let of = |pod: &str| {
        format!("{{\"involvedObject\":{{\"name\":\"{pod}\"}},\"reason\":\"OOMKilled\"}}\n")
    };
    assert_eq!(killed(&(pod.clone() + &of("web-7d"))), ["web-7d/app"]);
    assert!(killed(&(pod + &of("db-0"))).is_empty());
}

#[test]
fn systemd_names_a_unit() {
    let line =
        |unit: &str, pid: u32, line: &str| format!("Nov 25 14:00:04 web7 {unit}[{pid}]: {line}\n");
    let entry = event("entry", 1, 1000);
    let two = line("app", 8521, &entry) + &line("worker", 8522, &entry);
    let end = "Main process exited, code=killed, status=9/KILL";
    let of = |unit: &str| two.clone() + &line("systemd", 1, &format!("{unit}.service: {end}"));
    assert_eq!(killed(&of("app")), ["web7 app pid 8521"]);
    assert!(killed(&of("db")).is_empty());
}

#[test]
fn the_kernel_names_a_process_by_its_id() {
    let kernel = |pid: u32| {
        format!(
            "kernel: java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n\
             kernel: oom-kill:constraint=CONSTRAINT_MEMCG,task=java,pid={pid},uid=0\n\
             kernel: Memory cgroup out of memory: Killed process {pid} (java), UID 0\n"
        )
    };
    let watch =
        |pid: u32| format!("memprobe: threshold=95% pid={pid} limit=128.0MiB estimate=122.0MiB\n");
    assert_eq!(killed(&(watch(8521) + &kernel(8521))).len(), 1);
    assert!(killed(&(watch(8521) + &kernel(999))).is_empty());
    // In a container the first process has the id 1.
    assert_eq!(killed(&(watch(1) + &kernel(8521))).len(), 1);
}

#[test]
fn a_kill_of_another_program_is_nobodys_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.log");
    let watch = "memprobe: threshold=95% at=2026-11-28T07:41:15Z pid=8521 limit=128.0MiB \
                 estimate=122.0MiB rss=120.0MiB active=118.0MiB";
    for (pid, is_ours) in [(8521, true), (12, false)] {
        let kill = format!("kernel: Memory cgroup out of memory: Killed process {pid} (name)");
        std::fs::write(&file, format!("{}{watch}\n{kill}\n", log("json.log"))).expect("a file");
        let page = folder.path().join("page.html");
        let output = text(&run(&["report", "--html", shown(&page), shown(&file)]));
        assert_eq!(
            output.contains("killed    Killed process 8521 (name)"),
            is_ours,
            "{pid}: {output}"
        );
        let page = std::fs::read_to_string(&page).expect("a page");
        let end = if is_ours { "<p class=\"big\">Killed</p>" } else { "Near its limit" };
        assert!(page.contains(end) && page.contains("1 call never ended:"), "{page}");
        assert!(page.contains("last label 'loaded', held 7.0 MiB there"), "{page}");
    }
}

#[test]
fn the_usage_of_the_cgroup_is_held_against_its_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.log");
    let watch = "memprobe: threshold=95% pid=1 limit=128.0MiB estimate=127.9MiB rss=136.7MiB \
                 cgroup=127.6MiB\n";
    std::fs::write(&file, watch).expect("a file");
    let output = run(&["report", "--json", shown(&file)]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let process = &value["process"];
    assert_eq!(process["peak_used"], process["cgroup_usage_max"], "{process}");
    // No event of a call is in it: it is not the program that lacks memprobe.
    for option in ["--markdown", "--json"] {
        let output = run(&["report", option, shown(&file)]);
        assert!(!text(&output).contains("compiled out"), "{output:?}");
    }
    assert!(errors(&output).is_empty(), "{output:?}");
}
