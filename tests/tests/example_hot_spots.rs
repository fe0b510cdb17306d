//! The demo is judged right, and all views have the same figures.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What the demo leaves in a file of that ending, or prints.
fn view(ending: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hot_spots.{ending}"));
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hot_spots"));
    match ending {
        "" => demo.env_remove("MEMPROBE_REPORT"),
        _ => demo.env("MEMPROBE_REPORT", &path),
    };
    let output = demo.output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    match ending {
        "" => said,
        _ => std::fs::read_to_string(path).expect("it is written"),
    }
}

fn json() -> Value {
    serde_json::from_str(&view("json")).expect("JSON")
}

fn function<'a>(report: &'a Value, name: &str) -> &'a Value {
    let functions = report["functions"].as_array().expect("functions");
    let name = format!("hot_spots::{name}");
    functions.iter().find(|function| function["name"] == name.as_str()).expect("it was called")
}

#[test]
fn the_figures_are_what_the_sizes_in_it_come_to() {
    let report = json();
    let figures = |name| &function(&report, name)["figures"];
    let fetch = figures("fetch");
    assert_eq!(fetch["allocated"], json!(100 * MIB));
    assert_eq!(fetch["net"], json!(100 * MIB), "it hands all of it out");
    assert_eq!(fetch["peak"], json!(MIB));
    assert_eq!(figures("parse")["self_allocated"], json!(50 * 32 * MIB));
    assert_eq!(figures("parse")["net"], json!(0));
    assert_eq!(figures("resize")["peak"], json!(24 * MIB));
    assert_eq!(figures("remember")["net"], json!(50 * 64 * KIB));
    assert_eq!(figures("handle")["peak"], json!(25 * MIB), "the page, and what resizing holds");
    assert_eq!(figures("handle")["net"], json!(50 * 64 * KIB));
    assert_eq!(
        figures("handle")["steady"],
        json!({
            "calls": 34, "net": 34 * 64 * KIB, "per_call": 64 * KIB,
        })
    );
    let visit = function(&report, "visit");
    assert_eq!(visit["max_concurrent"], json!(100));
    assert_eq!(visit["pressure"], json!(100 * MIB));
    assert_eq!(visit["first_call"], json!({ "peak": MIB, "allocated": MIB }));
}

#[test]
fn the_demo_is_judged_right_in_all_views() {
    let report = json();
    let verdicts = &report["verdicts"];
    let pressure = &verdicts["pressure"]["found"];
    assert_eq!(pressure["function"], json!("hot_spots::visit"), "the crowd: {verdicts}");
    assert_eq!(pressure["bytes"], json!(100 * MIB));
    let growing = &verdicts["growing"]["found"];
    let path = json!(["hot_spots::handle", "hot_spots::remember"]);
    assert_eq!(growing["path"], path, "the leak: {verdicts}");
    assert_eq!(growing["steady"]["per_call"], json!(64 * KIB));
    let churn = &verdicts["churn"]["found"];
    assert_eq!(churn["path"], json!(["hot_spots::handle", "hot_spots::parse"]), "{verdicts}");
    assert_eq!(churn["allocated"], json!(50 * 32 * MIB));

    let text = view("");
    println!("{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "pressure  visit peaks at 1.0 MiB × 100 at once = 100.0 MiB");
    assert!(lines[1].starts_with("growing   handle › remember keeps +64 KiB a call; "), "{text}");
    assert!(lines[2].starts_with("churn     handle › parse allocated 1.56 GiB, 30 × "), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");

    let page = view("html");
    let answers = [
        ("25.0 MiB", "visit: 100 calls at once × 1.0 MiB = 100.0 MiB"),
        ("+64 KiB a call", "handle › remember"),
        ("30 × its need", "handle › parse"),
    ];
    for (big, who) in answers {
        let at = page.find(&format!(r#"<p class="big">{big}</p>"#));
        let rest = at.map_or("", |at| &page[at..]);
        assert!(rest.split("</article>").next().is_some_and(|one| one.contains(who)), "{who}");
    }
}

#[test]
fn the_views_have_the_same_figures() {
    fn add(nodes: &Value, path: &str, stacks: &mut Vec<String>, rows: &mut Vec<(String, Value)>) {
        for node in nodes.as_array().expect("nodes") {
            let path = format!("{path}{}", node["function"].as_str().expect("a name"));
            let own = &node["figures"]["self_allocated"];
            if *own != json!(0) {
                stacks.push(format!("{path} {own}"));
            }
            rows.push((path.clone(), node["figures"].clone()));
            add(&node["children"], &format!("{path};"), stacks, rows);
        }
    }
    let report = json();
    let (mut stacks, mut rows) = (Vec::new(), Vec::new());
    add(&report["tree"], "", &mut stacks, &mut rows);
    let folded = view("folded");
    assert_eq!(folded.lines().collect::<Vec<_>>(), stacks);

    let page = view("html");
    let page = page.split(r#"<table id="contexts""#).nth(1).expect("the table");
    for (path, figures) in &rows {
        let head = format!(r#"data-value="{}">"#, path.replace(';', " › "));
        let at = page.find(&head).unwrap_or_else(|| panic!("{head}"));
        let row = &page[at..at + page[at..].find("</tr>").expect("a row")];
        for name in ["high_water", "self_peak", "net", "allocated", "self_allocated"] {
            let value = format!(r#"data-value="{}""#, figures[name]);
            assert!(row.contains(&value), "{path}: {name} {value} in {row}");
        }
    }

    let sum = |of: &str| {
        let nodes = rows.iter().filter(|(path, _)| path.ends_with("fetch"));
        nodes.map(|(_, figures)| figures[of].as_u64().expect("a figure")).sum::<u64>()
    };
    assert_eq!(json!(sum("allocated")), function(&report, "fetch")["figures"]["allocated"]);
}
