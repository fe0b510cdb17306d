//! The page and the other views of a real run, in which some functions leave memory behind, one
//! fills a cache and stops, and one still runs.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memprobe::{Report, memprobe, probe};
use memprobe_tests::browser::Browser;
use serde_json::{Value, json};

memprobe::global_allocator!(live);

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const CALLS: usize = 1200;
/// Bytes in the cache of pictures once it is full.
const CACHE: usize = 12 * MIB;
const UPLOAD: usize = 10 * MIB;
/// The line of this file that copies what is leaked.
const COPY: u32 = 53;

const DESKTOP: (u32, u32) = (1280, 800);
const PHONE: (u32, u32) = (390, 844);

static SESSIONS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static PICTURES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static METRICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep<T>(place: &Mutex<Vec<T>>, kept: T) {
    place.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
}

#[memprobe(name = "shop::handle")]
fn handle(at: usize) {
    let page = black_box(vec![1_u8; 300 * KIB]);
    probe!("read");
    remember(&page);
    if at * 256 * KIB < CACHE {
        picture();
    }
    if at % 8 == 0 {
        log(at);
    }
}

/// Leaks.
#[memprobe(name = "shop::Sessions::remember")]
fn remember(page: &[u8]) {
    let session = page[..24 * KIB].to_vec();
    probe!("copied");
    keep(&SESSIONS, session);
}

/// Fills a cache.
#[memprobe(name = "shop::pictures::load")]
fn picture() {
    probe!("missed");
    keep(&PICTURES, vec![1; 256 * KIB]);
}

/// Leaves a little behind.
#[memprobe(name = "shop::log::write")]
fn log(at: usize) {
    keep(&METRICS, format!("{at:>2000}"));
}

#[memprobe(name = "shop::upload")]
fn upload(report: impl FnOnce()) {
    let body = black_box(vec![1_u8; UPLOAD]);
    probe!("received");
    report();
    drop(body);
}

/// Returns a report from the middle of an upload.
fn run() -> Report {
    keep(&METRICS, "x".repeat(8 * MIB));
    for at in 0..CALLS {
        handle(at);
        thread::sleep(Duration::from_millis(2));
    }
    let mut report = None;
    upload(|| report = Some(memprobe::report()));
    report.expect("it was made")
}

#[test]
fn a_stranger_finds_who_owns_what() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let report = run();
    println!("{report}");
    let page = directory.join("live.html");
    let html = Instant::now();
    report.write_html(File::create(&page).expect("a file")).expect("it is written");
    println!("the page in {:?}", html.elapsed());
    let mut json = Vec::new();
    report.write_json(&mut json).expect("memory");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    let owners = json["live"]["owners"].as_array().expect("owners");
    the_figures_are_about_right(owners);

    let Some(mut browser) = Browser::start(&directory.join("chromium-live")) else { return };
    for (name, (width, height), is_dark) in [
        ("live-desktop", DESKTOP, false),
        ("live-desktop-dark", DESKTOP, true),
        ("live-phone", PHONE, false),
        ("live-phone-dark", PHONE, true),
    ] {
        browser.look(width, height, is_dark);
        browser.open(&page);
        let picture = directory.join(format!("{name}.png"));
        browser.screenshot(&picture);
        println!("{}", picture.display());
        areas_are_in_the_ratio_of_bytes(&mut browser, &json["live"]);
        let overflow = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(browser.eval(overflow), json!(false), "{name}: only tables scroll sideways");
        assert_eq!(browser.pale(), json!([]), "{name}: text that is hard to read");
        if width == DESKTOP.0 {
            assert_eq!(browser.eval(CUT), json!([]), "{name}: all fits on a desktop");
        }
    }

    browser.look(DESKTOP.0, DESKTOP.1, false);
    browser.open(&page);
    let loaded = "performance.getEntriesByType('resource').length";
    assert_eq!(browser.eval(loaded), json!(0), "one file, and nothing else");
    let first = "document.querySelector('main .answers + section h2').innerText";
    assert_eq!(browser.eval(first), json!("Who owns what is there now"), "the first picture");
    the_table_has_the_figures_of_the_json(&mut browser, owners);
    the_history_adds_up(&mut browser, owners);
    the_keyboard_leads_from_an_area_to_the_line_of_code(&mut browser);
    a_screen_reader_is_told_all(&mut browser);
}

/// The tables that are wider than their place.
const CUT: &str = "[...document.querySelectorAll('.scroll')]
    .filter((place) => place.scrollWidth > place.clientWidth)
    .map((place) => place.querySelector('table').id)";

/// How the estimates come to be is tested elsewhere: here it is enough that they are those of this
/// program.
fn the_figures_are_about_right(owners: &[Value]) {
    let of = |name: &str| {
        let is_it = |owner: &&Value| {
            owner["path"].as_array().and_then(|path| path.last()) == Some(&json!(name))
        };
        owners.iter().find(is_it).unwrap_or_else(|| panic!("{name} is an owner"))
    };
    let upload = of("shop::upload");
    let body = upload["running"]["bytes"].as_u64().expect("bytes");
    assert!(body.abs_diff(UPLOAD as u64) < MIB as u64 / 2, "{upload}");
    assert_eq!(upload["finished"]["samples"], json!(0), "it still runs");
    let remember = of("shop::Sessions::remember");
    assert_eq!(remember["running"]["samples"], json!(0), "all have ended");
    let frames = remember["stacks"][0]["frames"].as_array().expect("frames");
    let is_here =
        |frame: &&Value| frame["file"].as_str().is_some_and(|file| file.ends_with("tests/page.rs"));
    let frame = frames.iter().find(is_here).expect("a line of this file");
    assert_eq!(frame["line"], json!(COPY), "{frame}");
    assert_eq!(frame["function"], json!("page::remember"));
    let outside = owners.iter().find(|owner| owner["kind"] == json!("not_annotated"));
    let outside = outside.expect("what `run` allocates")["live"]["bytes"].as_u64();
    assert!(outside >= Some(8 * MIB as u64), "{outside:?}");
}

/// Areas in pixels are as the bytes in their titles' rows, and fill the whole.
fn areas_are_in_the_ratio_of_bytes(browser: &mut Browser, live: &Value) {
    let areas = browser.eval(
        "[...document.querySelectorAll('.areas li')].map((area) => {
            const whole = area.parentElement.getBoundingClientRect();
            const { width, height } = area.getBoundingClientRect();
            const part = width * height / (whole.width * whole.height);
            const row = document.querySelector(area.querySelector('a').hash);
            return [area.className === 'others' ? null : Number(row.id.slice(1)), part];
        })",
    );
    let areas: Vec<(Option<usize>, f64)> = serde_json::from_value(areas).expect("areas");
    let whole: f64 = areas.iter().map(|(_, part)| part).sum();
    assert!((whole - 1.0).abs() < 0.01, "{areas:?}");
    assert!(areas.iter().filter(|(owner, _)| owner.is_none()).count() <= 1, "{areas:?}");
    let total = live["total"]["bytes"].as_u64().expect("bytes") as f64;
    for &(owner, part) in &areas {
        let Some(at) = owner else { continue };
        let bytes = live["owners"][at]["live"]["bytes"].as_u64().expect("bytes") as f64;
        assert!((part - bytes / total).abs() < 0.01, "{at}: {part} for {bytes} of {total}");
    }
}

fn the_table_has_the_figures_of_the_json(browser: &mut Browser, owners: &[Value]) {
    let rows = browser.eval(
        "[...document.querySelectorAll('#owners tr[id^=o]')].filter((row) => row.id !== 'others')
            .map((row) => [row.cells[1].dataset.value, row.cells[1].innerText])",
    );
    let rows: Vec<(String, String)> = serde_json::from_value(rows).expect("rows");
    let present = owners.iter().filter(|owner| owner["live"]["samples"] != json!(0)).count();
    assert_eq!(rows.len(), present.min(24));
    for ((bytes, text), owner) in rows.iter().zip(owners) {
        assert_eq!(json!(bytes), json!(owner["live"]["bytes"].to_string()));
        assert!(text.contains(" ± "), "{text}");
        assert_eq!(json!(text.contains("rough")), owner["live"]["is_rough"], "{text}");
    }
}

/// The top of the last layer is the sum of all histories.
fn the_history_adds_up(browser: &mut Browser, owners: &[Value]) {
    let tops = browser.eval(
        "[...document.querySelectorAll('.stacked svg path:not(.grid)')].at(-1)
            .getAttribute('d').split(/[MLZ]/).filter(Boolean).map((point) =>
                Number(point.split(' ')[1]))",
    );
    let tops: Vec<f64> = serde_json::from_value(tops).expect("places");
    let tops = &tops[..tops.len() / 2];
    let count = owners[0]["history"].as_array().expect("points").len();
    assert_eq!(tops.len(), count);
    let sum = |at: usize| {
        let of = |owner: &Value| owner["history"][at]["bytes"].as_u64().expect("bytes") as f64;
        owners.iter().map(of).sum::<f64>()
    };
    let highest = (0..count).map(sum).fold(0.0, f64::max);
    for (at, top) in tops.iter().enumerate() {
        let expected = (1.0 - sum(at) / (highest * 1.1)) * 1000.0;
        assert!((top - expected).abs() < 0.1, "{at}: {top}, not {expected}");
    }
}

fn the_keyboard_leads_from_an_area_to_the_line_of_code(browser: &mut Browser) {
    browser.eval("document.querySelector('.areas a').focus()");
    browser.press("Enter");
    assert_eq!(browser.eval("location.hash"), json!("#o0"));
    let row = "document.querySelector('#o0 + .where')";
    let summary = browser.eval(&format!("{row}.querySelector('summary').innerText"));
    let told = format!("/tests/page.rs:{COPY}");
    assert!(summary.as_str().is_some_and(|text| text.ends_with(&told)), "{summary}");
    let frame = format!("{row}.querySelector('.stack').checkVisibility()");
    assert_eq!(browser.eval(&frame), json!(false));
    browser.eval(&format!("{row}.querySelector('summary').focus()"));
    browser.press("Enter");
    assert_eq!(browser.eval(&frame), json!(true));
    let culprit = browser.eval(&format!("{row}.querySelector('.culprit').innerText"));
    assert!(culprit.as_str().is_some_and(|text| text.starts_with("page::remember")), "{culprit}");
    browser.screenshot(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-stack.png"));
}

fn a_screen_reader_is_told_all(browser: &mut Browser) {
    let all = browser.accessible();
    let named = |role: &str, name: &str| {
        all.iter().any(|(r, n)| r == role && n.trim_start().starts_with(name))
    };
    assert!(named("heading", "Who owns what is there now"));
    assert!(named("table", "Owners"));
    assert!(named("columnheader", "Owns now"));
    assert!(named("rowheader", "handle › Sessions::remember after 'entry'"));
    assert!(named("link", "handle › Sessions::remember after 'entry' "));
    assert!(named("figure", "What calls left behind, over time"));
    for (role, name) in &all {
        let is_interactive =
            ["button", "checkbox", "link", "image", "searchbox", "table", "region"]
                .contains(&role.as_str());
        assert!(!is_interactive || !name.trim().is_empty(), "a {role} without a name");
    }
}
