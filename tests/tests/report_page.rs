//! The page of the report in a real browser: what a person sees of it and can do with it, on a
//! desktop and on a phone, light and dark, with the keyboard, by ear, and without scripts.

use std::path::{Path, PathBuf};
use std::process::Command;

use memprobe::report::Function;
use memprobe_tests::big_report::big_report;
use memprobe_tests::browser::Browser;
use serde_json::{Value, json};

memprobe::global_allocator!();

const QUESTIONS: [&str; 4] = ["Highest peak", "What grows", "How near the limit", "What churns"];

const DESKTOP: (u32, u32) = (1280, 800);
const PHONE: (u32, u32) = (390, 844);

/// The demo's report in the form of an ending.
fn report(ending: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page.{ending}"));
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hot_spots"));
    let demo = demo.env("MEMPROBE_REPORT", &path).env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    let output = demo.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Where the answers are, and what they say.
const ANSWERS: &str = r"
    [...document.querySelectorAll('.answers article')].map((answer) => ({
        question: answer.querySelector('h2').innerText,
        answer: answer.innerText,
        bottom: answer.getBoundingClientRect().bottom,
    }))";

#[test]
fn a_stranger_finds_the_answers() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(mut browser) = Browser::start(&directory.join("chromium")) else { return };
    let page = report("html");
    let json = std::fs::read(report("json")).expect("it is written");
    let json: Value = serde_json::from_slice(&json).expect("JSON");

    for (name, (width, height), is_dark) in [
        ("desktop", DESKTOP, false),
        ("desktop-dark", DESKTOP, true),
        ("phone", PHONE, false),
        ("phone-dark", PHONE, true),
    ] {
        browser.look(width, height, is_dark);
        browser.open(&page);
        let picture = directory.join(format!("{name}.png"));
        browser.screenshot(&picture);
        println!("{}", picture.display());

        let answers = browser.eval(ANSWERS);
        let answers = answers.as_array().expect("answers");
        let questions: Vec<_> = answers.iter().map(|answer| &answer["question"]).collect();
        assert_eq!(questions, QUESTIONS);
        let together = "visit: 100 calls at once × 1.0 MiB = 100.0 MiB";
        for (answer, told) in answers.iter().zip([
            &["25.0 MiB", "handle, in one call", together, "may never have happened"][..],
            &["+64 KiB a call", "handle › remember"],
            &["%\n", "of 256.0 MiB"],
            &["30 × its need", "handle › parse"],
        ]) {
            let text = answer["answer"].as_str().expect("text");
            assert!(told.iter().all(|told| text.contains(told)), "{text}");
        }
        for answer in &answers[..3] {
            let bottom = answer["bottom"].as_f64().expect("a place");
            assert!(bottom <= f64::from(height), "{name}: below the first screen: {answer}");
        }
        nothing_is_cut_without_a_sign(&mut browser, width == DESKTOP.0);
        let overflow = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(browser.eval(overflow), json!(false), "{name}: only tables scroll sideways");
        assert_eq!(browser.pale(), json!([]), "{name}: text that is hard to read");
    }

    browser.look(DESKTOP.0, DESKTOP.1, false);
    browser.open(&page);
    let loaded = "performance.getEntriesByType('resource').length";
    assert_eq!(browser.eval(loaded), json!(0), "one file, and nothing else");
    the_figures_are_those_of_the_json(&mut browser, &json);
    the_keyboard_sorts_and_zooms(&mut browser);
    a_screen_reader_is_told_all(&mut browser);
    without_scripts_all_but_sorting_and_zooming_is_there(&mut browser, &page);
}

fn the_figures_are_those_of_the_json(browser: &mut Browser, json: &Value) {
    let rows = browser.eval(
        "[...document.querySelectorAll('#functions tbody tr')].map((row) =>
            [...row.cells].map((cell) => cell.dataset.value ?? null))",
    );
    let rows = rows.as_array().expect("rows");
    let functions = json["functions"].as_array().expect("functions");
    assert_eq!(rows.len(), functions.len());
    for function in functions {
        let row = rows.iter().find(|row| row[0] == function["name"]).expect("a row");
        let figures = &function["figures"];
        let calls: u64 = ["returned", "panicked", "cancelled"]
            .map(|how| function["outcomes"][how].as_u64().expect("a count"))
            .iter()
            .sum();
        let (peaks, allocations) = (&function["peaks"], &function["allocations"]);
        // Twice the count, and one more where it is a lower bound.
        let at_once = function["max_concurrent"].as_u64().expect("a count") * 2
            + u64::from(function["max_concurrent_exact"] == json!(false));
        let expected = [
            &json!(calls),
            &json!(at_once),
            &figures["high_water"],
            &function["pressure"],
            &peaks["p50"],
            &peaks["p95"],
            &peaks["p99"],
            &function["first_call"]["peak"],
            &figures["net"],
            &figures["steady"]["per_call"],
            &figures["allocated"],
            &figures["self_allocated"],
            &allocations["p50"],
            &allocations["p95"],
            &allocations["p99"],
            &function["first_call"]["allocated"],
        ];
        let texts = expected.map(|value| value.as_i64().map(|value| value.to_string()));
        assert_eq!(row.as_array().expect("cells")[1..], texts.map(|text| json!(text)), "{row}");
    }
}

/// What of a table does not fit is told; on a desktop all fits that is not asked for.
fn nothing_is_cut_without_a_sign(browser: &mut Browser, all_fits: bool) {
    // Once the page has told its observers.
    let cut = |browser: &mut Browser| {
        browser.eval_later(
            "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(
                [...document.querySelectorAll('.scroll')].map((place) => [
                    place.scrollWidth > place.clientWidth,
                    place.closest('section').querySelector('.wide').checkVisibility(),
                ])))))",
        )
    };
    let tables = cut(browser);
    for table in tables.as_array().expect("tables") {
        assert_eq!(table[0], table[1], "{tables}");
        assert!(!all_fits || table[0] == json!(false), "{tables}");
    }
    let switch = "document.getElementById('functions-spread').click()";
    let shown = "[...document.querySelectorAll('#functions th.spread')].filter((head) =>
        head.checkVisibility()).length";
    assert_eq!(browser.eval(shown), json!(0));
    browser.eval(switch);
    assert_eq!(browser.eval(shown), json!(10), "p50, p95, p99 and the first, twice");
    assert_eq!(cut(browser)[0], json!([true, true]));
    browser.eval(switch);
}

fn the_keyboard_sorts_and_zooms(browser: &mut Browser) {
    let order = "[...document.querySelectorAll('#functions tbody tr')].map((row) =>
        Number(row.cells[11].dataset.value))";
    let head = "document.querySelector('#functions th[data-column=\"11\"]')";
    browser.eval(&format!("{head}.querySelector('button').focus()"));
    for direction in ["descending", "ascending"] {
        browser.press("Enter");
        assert_eq!(browser.eval(&format!("{head}.getAttribute('aria-sort')")), json!(direction));
        let sorted: Vec<u64> =
            serde_json::from_value(browser.eval(order)).expect("allocated by each function");
        let mut expected = sorted.clone();
        expected.sort_unstable();
        if direction == "descending" {
            expected.reverse();
        }
        assert_eq!(sorted, expected);
    }

    let away = "document.querySelectorAll('.icicle .away').length";
    let told = "document.getElementById('zoomed').innerText";
    let boxes = "document.querySelectorAll('.icicle a')";
    browser.eval(&format!("{boxes}[0].focus()"));
    browser.press("Tab");
    let second = browser.eval(&format!("document.activeElement === {boxes}[1]"));
    assert_eq!(second, json!(true), "each box can be reached by the keyboard");
    browser.press("Enter");
    assert_ne!(browser.eval(away), json!(0), "the others make room");
    let width = format!("{boxes}[1].offsetWidth / {boxes}[0].offsetWidth");
    assert_eq!(browser.eval(&width), json!(1), "it is as wide as the whole");
    let shown = browser.eval(told);
    let title = browser.eval(&format!("{boxes}[1].title"));
    assert_eq!(shown.as_str(), title.as_str().map(|title| format!("Shown: {title}")).as_deref());
    browser.press("Escape");
    assert_eq!(browser.eval(away), json!(0), "and out again");
}

fn a_screen_reader_is_told_all(browser: &mut Browser) {
    let all = browser.accessible();
    let named = |role: &str, name: &str| all.iter().any(|(r, n)| r == role && n.starts_with(name));
    for question in QUESTIONS {
        assert!(named("heading", question), "{question}");
    }
    assert!(named("table", "Bytes; with the calls inside"));
    assert!(named("columnheader", "per call, warm"));
    assert!(named("columnheader", "Net"));
    assert!(named("rowheader", "hot_spots::handle"));
    assert!(named("searchbox", "Find a function"));
    for (role, name) in &all {
        let is_interactive =
            ["button", "checkbox", "link", "image", "searchbox", "table", "region"]
                .contains(&role.as_str());
        assert!(!is_interactive || !name.trim().is_empty(), "a {role} without a name");
    }
}

fn without_scripts_all_but_sorting_and_zooming_is_there(browser: &mut Browser, page: &Path) {
    let text = "document.getElementById('find').remove(),
        document.body.innerText.replace(/[\\u2195\\u25B2\\u25BC]/g, '')";
    browser.open(page);
    let with = browser.eval(text);
    let with = with.as_str().expect("text");
    browser.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.call("Page.reload", &json!({}));
    let is_new = "document.readyState === 'complete' && !document.querySelector('th button')";
    while browser.eval(is_new) != json!(true) {
        std::thread::yield_now();
    }
    let without = browser.eval(text);
    let without = without.as_str().expect("text");
    assert_eq!(with.replace(" Click or Enter zooms in, Escape out.", ""), without);
}

#[test]
fn a_large_report_is_folded_and_found() {
    const FUNCTIONS: usize = 10_000;
    const MOST: usize = 3_000_000;
    let mut report = big_report(FUNCTIONS);
    let evil = "shop::</script><script>document.title = 'evil'</script><b>\n\u{1F600}";
    let culprit = &mut report.functions[FUNCTIONS / 2];
    culprit.name = evil;
    culprit.segments[2].label = "\"<i>&amp;";
    let culprit = culprit.clone();
    let page = report.to_html();
    println!("{} bytes", page.len());
    assert!(page.len() < MOST, "{} bytes", page.len());
    assert_eq!(page.matches("</script>").count(), 2, "the data and the script");

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(mut browser) = Browser::start(&directory.join("chromium-large")) else { return };
    let path = directory.join("large.html");
    std::fs::write(&path, page).expect("it is written");
    browser.look(DESKTOP.0, DESKTOP.1, false);
    browser.open(&path);
    assert_eq!(browser.eval("document.title"), json!("memprobe report"));
    let rest = "document.querySelector('#functions').closest('section')
        .querySelector('.folded').innerText";
    let rest = browser.eval(rest);
    let rest = rest.as_str().expect("text");
    assert!(rest.starts_with("99"), "most are folded: {rest}");
    assert!(rest.contains(" functions more, each with a peak × at once of at most "), "{rest}");

    assert_eq!(browser.eval(MADE_OTHERWISE), json!([]), "the script writes figures differently");
    what_one_types_is_found(&mut browser, &culprit);
    all_rows_are_sorted(&mut browser, FUNCTIONS);
}

/// Figures in rows that stand there which the script would write or has in another way.
const MADE_OTHERWISE: &str = r"
    load(), [...document.querySelectorAll('table')].flatMap((table, place) => {
        const kinds = [];
        for (const head of table.querySelectorAll('th[data-column]'))
            kinds[head.dataset.column] = head.dataset.kind;
        return [...table.tBodies[0].rows].flatMap((row) => {
            const { text, cells } = tables[place].rows[row.id.slice(1)];
            return [...row.cells].filter((cell, at) => {
                const value = cell.dataset.value ?? null;
                if (at === 0) return value !== text;
                if (value === null) return cells[at - 1] !== null;
                const figure = Number(value);
                return figure !== cells[at - 1]
                    || cell.firstChild.data !== shown[kinds[at]](figure);
            }).map((cell) => row.id + ': ' + cell.innerText);
        });
    })";

fn what_one_types_is_found(browser: &mut Browser, culprit: &Function) {
    let hits = "document.getElementById('hits').innerText";
    let rows = "[...document.querySelectorAll('#functions tbody tr')].map((row) =>
        [...row.cells].map((cell) => cell.dataset.value ?? null))";
    let standing = browser.eval(rows);
    browser.press("/");
    assert_eq!(browser.eval("document.activeElement.id"), json!("query"), "a key goes there");
    browser.call("Input.insertText", &json!({ "text": "SHOP::</Script " }));
    let told = "1 of 10000 functions, 5 of 50000 segments, ";
    let shown = browser.eval(hits);
    assert!(shown.as_str().is_some_and(|text| text.starts_with(told)), "{shown}");
    let row = browser.eval(rows)[0].clone();
    let figures = culprit.figures.expect("figures");
    assert_eq!(row[0], json!(culprit.name));
    for (at, value) in [
        (1, culprit.outcomes.calls()),
        (2, 2 * culprit.max_concurrent.expect("a count")),
        (3, figures.high_water),
        (4, culprit.pressure().expect("a product")),
        (6, culprit.peaks.quantile(0.95).expect("a peak")),
        (11, figures.allocated),
        (12, figures.self_allocated),
        (16, culprit.first_call.expect("a first call").allocated),
    ] {
        assert_eq!(row[at], json!(value.to_string()), "column {at} of {row}");
    }
    let bold = "document.querySelectorAll('tbody b:not(.bar b), tbody i:not(.bar i)').length";
    assert_eq!(browser.eval(bold), json!(0), "a name is text");

    browser.call("Input.insertText", &json!({ "text": "\"<I>" }));
    let shown = browser.eval(hits);
    let two = "0 of 10000 functions, 1 of 50000 segments, 0 of";
    assert!(shown.as_str().is_some_and(|text| text.starts_with(two)), "a label: {shown}");
    let none = "document.querySelector('#functions').checkVisibility()";
    assert_eq!(browser.eval(none), json!(false));
    let live = "document.getElementById('hits').getAttribute('role')";
    assert_eq!(browser.eval(live), json!("status"), "the count is read aloud");

    browser.press("Escape");
    assert_eq!(browser.eval(hits), json!(""));
    assert_eq!(browser.eval(rows), standing, "all as before");
}

/// Sorting takes in those that are folded, and more of them can be had.
fn all_rows_are_sorted(browser: &mut Browser, functions: usize) {
    let calls = "[...document.querySelectorAll('#functions tbody tr')].map((row) =>
        Number(row.cells[1].dataset.value))";
    let most = "Math.max(...tables[0].rows.map((row) => row.cells[0]))";
    browser.eval("document.querySelector('#functions th[data-column=\"1\"] button').click()");
    let sorted: Vec<u64> = serde_json::from_value(browser.eval(calls)).expect("calls");
    assert!(sorted.iter().rev().is_sorted(), "{sorted:?}");
    assert_eq!(json!(sorted[0]), browser.eval(most), "one that was folded");
    let more = "document.querySelector('#functions').closest('section')
        .querySelector('.folded button')";
    browser.eval(&format!("{more}.focus()"));
    browser.press("Enter");
    let rows = browser.eval("document.querySelector('#functions').tBodies[0].rows.length");
    let rows = usize::try_from(rows.as_u64().expect("a count")).expect("a count");
    assert!(rows >= 140, "{rows}");
    let rest = browser.eval(&format!("{more}.parentElement.innerText"));
    let told = format!("{} more, in this order.", functions - rows);
    assert!(rest.as_str().is_some_and(|rest| rest.starts_with(&told)), "{rest}");
}
