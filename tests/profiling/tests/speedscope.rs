//! A profile in the format of pprof, opened in speedscope: its own page in a real browser. The page is
//! that of npm's package `speedscope`: `npm pack speedscope`, and `SPEEDSCOPE` is the folder
//! `package/dist/release` of it. Skipped, with the reason, without it or without a browser.

#[allow(dead_code, reason = "of other tests too")]
#[path = "../../src/browser.rs"]
mod browser;
mod program;

use std::fs;
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use browser::Browser;
use program::{Directory, SAMPLE, run};
use serde_json::{Value, json};

/// The rows of its table of functions that are in sight, the highest total first, once it is there.
const ROWS: &str = "
    (async () => {
        const all = (name) => [...document.querySelectorAll(name)];
        const turn = () => new Promise((go) => setTimeout(go, 20));
        for (let turns = 0; turns < 1500 && all('tr').length < 3; turns += 1) await turn();
        all('th').find((head) => head.innerText.includes('Total')).click();
        const rows = () => all('tr').map((row) => row.innerText);
        const is_there = (row) => row.endsWith('memprobe_profiling::crowded');
        for (let turns = 0; turns < 500 && !rows().some(is_there); turns += 1) await turn();
        return rows();
    })()";

#[test]
fn speedscope_reads_a_profile() {
    let directory = Directory::new("speedscope");
    let browser_files = Directory::new("speedscope-browser");
    let page = std::env::var("SPEEDSCOPE").ok().and_then(|page| fs::canonicalize(page).ok());
    let (Some(page), Some(mut browser)) = (page, Browser::start(&browser_files.0)) else {
        // Not by a macro: the harness would show it only if the test failed.
        let _ = writeln!(io::stderr(), "SKIPPED speedscope: no `SPEEDSCOPE`, or no browser");
        return;
    };
    run(&directory.0, SAMPLE);
    let is_of_crowded = |name: &String| name.ends_with(".pb.gz") && name.contains(".entry.");
    let name = directory.files().into_iter().find(is_of_crowded).expect("a profile");

    // What its command does: a page from disk may load a script, and no other file.
    let profile = fs::read(directory.0.join(&name)).expect("a profile");
    let (name, profile) = (json!(name), json!(BASE64_STANDARD.encode(profile)));
    let script = directory.0.join("profile.js");
    fs::write(&script, format!("speedscope.loadFileFromBase64({name}, {profile})"))
        .expect("written");
    browser.look(1400, 900, false);
    browser.open_url(&format!(
        "file://{}/index.html#localProfilePath={}&view=sandwich",
        page.display(),
        script.display()
    ));
    let rows = browser.eval_later(ROWS);
    let rows: Vec<&str> =
        rows.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    // Total, self and the function, as in `64.00 MB (97%)\t0 B (<0.01%)\tmemprobe_profiling::crowded`.
    let row = rows.iter().find(|row| row.ends_with("memprobe_profiling::crowded"));
    let row = row.unwrap_or_else(|| panic!("{rows:#?}"));
    let total = row.split_once(" MB").and_then(|(total, _)| total.parse::<f64>().ok());
    // The block of `crowded`, 60 MiB, which jemalloc rounds up to 64 where it samples it.
    assert!(total.is_some_and(|total| (59.9..65.0).contains(&total)), "{row}");
}
