//! The service of `examples/axum` under load. What memprobe says of it is what its own
//! counters and its clients have counted, to the call and to the byte.

mod client;
mod service;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use serde_json::Value;

use client::{Answer, Client};
use service::{Report, Service};

const UPLOAD: &str = "axum::pictures::upload";
const THUMBNAIL: &str = "axum::pictures::thumbnail";
const REMEMBER: &str = "axum::cache::Cache::remember";
// Spans.
const FIND: &str = "axum::pages::find";
const BLOCK: &str = "axum::export::block";
// Routes.
const THUMBNAILS: &str = "POST /thumbnails/{side}";
const SEARCH: &str = "GET /search";
const EXPORT: &str = "GET /export";

const CLIENTS: usize = 20;
/// Bytes of a decoded pixel.
const RGBA: usize = 4;

/// Answers by what was asked and their status: their number, and the bytes of their bodies.
type Answers = BTreeMap<(&'static str, u16), (u64, u64)>;

fn upload(client: &mut Client, side: usize) -> Answer {
    client.post(&format!("/thumbnails/{side}"), &vec![7; side * side])
}

fn search(client: &mut Client) -> Answer {
    client.get("/search?word=word17")
}

/// What one client asks: pictures of two sizes, a picture cut short, one too large, one of no
/// side that there is, searches, and exports.
fn visit(client: &mut Client, request: usize) -> (&'static str, Answer) {
    match request {
        10 => ("upload", client.post("/thumbnails/128", b"cut short")),
        20 => ("upload", client.post("/thumbnails/8", &[7; 65])),
        30 => ("upload", client.post("/thumbnails/9", b"")),
        _ if request % 5 < 3 => ("upload", upload(client, 64 << (request % 2))),
        _ if request % 5 == 3 => ("search", search(client)),
        _ => ("export", client.get(&format!("/export?times={}", request % 7))),
    }
}

/// All clients at once, each with so many requests one after the other.
fn load(
    service: &Service,
    requests: usize,
    visit: fn(&mut Client, usize) -> (&'static str, Answer),
) -> Answers {
    let visitor = || {
        let mut client = service.client();
        (0..requests).map(|request| visit(&mut client, request)).collect::<Vec<_>>()
    };
    let mut answers = Answers::new();
    thread::scope(|scope| {
        let visitors: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(visitor)).collect();
        for (asked, answer) in visitors.into_iter().flat_map(|one| one.join().expect("no panic")) {
            let (count, bytes) = answers.entry((asked, answer.status)).or_default();
            *count += 1;
            *bytes += answer.body.len() as u64;
        }
    });
    answers
}

/// Uploads whose clients go away while the picture is decoded, until that has cancelled some.
/// How many were sent.
fn leave_uploads(service: &Service) -> u64 {
    let decoding = || number(&service.counters()["handlers"]["thumbnails"]["begun"]);
    for sent in 0..1000 {
        if number(&service.report().function(UPLOAD)["outcomes"]["cancelled"]) >= 5 {
            return sent;
        }
        let before = decoding();
        let mut client = service.client();
        client.begin("/thumbnails/1024", 1 << 20, &vec![7; 1 << 20]);
        service.wait_for("it is decoded", || (decoding() > before).then_some(()));
        drop(client);
        service.wait_until_idle();
    }
    panic!("the service does not see that a client is gone");
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn outcomes(report: &Report, function: &str) -> [u64; 3] {
    let outcomes = &report.function(function)["outcomes"];
    ["returned", "panicked", "cancelled"].map(|how| number(&outcomes[how]))
}

#[test]
fn figures_under_load_are_those_of_the_services_own_counters() {
    let service = Service::start("load", &[]);
    let answers = load(&service, 150, visit);
    service.wait_until_idle();
    check_routes(&service.report(), &service.counters(), &answers);
    let left = leave_uploads(&service);
    let (report, counters) = (service.report(), service.counters());

    let clients = CLIENTS as u64;
    for (status, count) in [(500, clients), (413, clients), (404, clients)] {
        assert_eq!(answers[&("upload", status)], (count, 0), "{answers:?}");
    }
    check_calls(&report, &counters["handlers"], &answers, left);
    check_bytes(&report, &counters);
    let page = service.client().get("/debug/memprobe");
    assert_eq!(page.status, 200);
    assert!(String::from_utf8(page.body).expect("text").contains(REMEMBER));

    // A request that has come halfway is still answered.
    let mut client = service.client();
    client.begin("/thumbnails/128", 128 * 128, &[7; 100]);
    service.wait_for("the upload", || (service.running(UPLOAD) == 1).then_some(()));
    service.terminate();
    assert_eq!(client.end(&[7; 128 * 128 - 100]).status, 200);
    let ended = service.ended();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("has not ended"), "{}", ended.stderr);
    assert!(ended.stdout.contains("upload: entry -> received: peak +"), "{}", ended.stdout);
    let calls = |function: &str| outcomes(&report, function).iter().sum::<u64>();
    for (row, calls) in [("pictures::upload", calls(UPLOAD) + 1), (SEARCH, calls(SEARCH))] {
        let row = ended.stderr.lines().find(|line| line.contains(row)).expect(row);
        let calls = calls.to_string();
        assert!(row.split_whitespace().any(|word| word == calls), "{calls}: {}", ended.stderr);
    }
}

fn answered(answers: &Answers, asked: &str) -> u64 {
    answers.iter().filter(|((which, _), _)| *which == asked).map(|(_, (count, _))| count).sum()
}

/// Figures by route add up: to what the clients have sent and got, and to all that there is below
/// the routes.
fn check_routes(report: &Report, counters: &Value, answers: &Answers) {
    let of = |what: &str| number(&counters["handlers"][what]);
    let bytes = answers.values().map(|(_, bytes)| bytes).sum::<u64>();
    assert_eq!(bytes, of("sent"));

    let panicked = answers[&("upload", 500)].0;
    for (route, asked) in [(THUMBNAILS, "upload"), (SEARCH, "search"), (EXPORT, "export")] {
        // The panic is that of work which the handler waits for.
        assert_eq!(outcomes(report, route), [answered(answers, asked), 0, 0], "{route}");
    }
    assert_eq!(outcomes(report, THUMBNAIL)[1], panicked);

    // A route has what its handler does, and what its body does later.
    let figure = |function: &str, what: &str| number(&report.function(function)["figures"][what]);
    for what in ["allocated", "freed"] {
        let routes = [THUMBNAILS, SEARCH, EXPORT].map(|route| figure(route, what));
        let functions = report.0["functions"].as_array().expect("functions").iter();
        let each = functions.map(|one| number(&one["figures"][format!("self_{what}")]));
        assert_eq!(routes.iter().sum::<u64>(), each.sum::<u64>(), "{what}");
    }
    assert!(figure(THUMBNAILS, "allocated") >= figure(UPLOAD, "allocated"));

    // What these two send is freed once it is sent, in their calls.
    for (route, kept, what) in [(SEARCH, FIND, "results"), (EXPORT, BLOCK, "exported")] {
        let net = |function: &str| report.function(function)["figures"]["net"].as_i64();
        assert_eq!(net(kept), Some(of(what) as i64), "{kept}");
        assert_eq!(report.parent(kept), route);
        // The head of the request comes from the server, and that of the response goes to it.
        let calls = outcomes(report, route)[0] as i64;
        let net = net(route).expect("jemalloc counts");
        assert!(net.abs() < 4096 * calls, "{route}: {net}");
    }
}

fn check_calls(report: &Report, handlers: &Value, answers: &Answers, left: u64) {
    let of = |handler: &str, what: &str| number(&handlers[handler][what]);
    let refused: u64 =
        answers.iter().filter(|((_, status), _)| *status != 200).map(|(_, (count, _))| count).sum();

    assert_eq!(of("uploads", "begun"), answered(answers, "upload") + left);
    // Of those that were left some came to their end before that was seen.
    let returned = of("uploads", "done") + refused;
    assert_eq!(outcomes(report, UPLOAD), [returned, 0, of("uploads", "begun") - returned]);
    assert_eq!(outcomes(report, THUMBNAILS).iter().sum::<u64>(), of("uploads", "begun"));

    let panicked = answers[&("upload", 500)].0;
    assert_eq!(of("thumbnails", "begun"), of("thumbnails", "done") + panicked);
    assert_eq!(outcomes(report, THUMBNAIL), [of("thumbnails", "done"), panicked, 0]);

    for (route, handler, asked) in [(SEARCH, "searches", "search"), (EXPORT, "exports", "export")] {
        assert_eq!(of(handler, "done"), answered(answers, asked));
        assert_eq!(outcomes(report, route), [answered(answers, asked), 0, 0]);
    }
    assert_eq!(outcomes(report, REMEMBER), [of("uploads", "done"), 0, 0]);
}

fn check_bytes(report: &Report, counters: &Value) {
    let of = |what: &str| number(&counters["handlers"][what]);
    let segment = |function, from, label, what: &str| {
        number(&report.segment(function, from, label)["figures"][what])
    };
    // Bodies that were too large are in `entry -> return`.
    let received = segment(UPLOAD, "entry", "received", "allocated")
        + segment(UPLOAD, "entry", "return", "allocated");
    assert_eq!(received, of("received"));

    assert_eq!(segment(THUMBNAIL, "entry", "decoded", "allocated"), of("decoded"));
    assert_eq!(segment(THUMBNAIL, "entry", "decoded", "freed"), 0);
    assert_eq!(segment(THUMBNAIL, "decoded", "shrunk", "allocated"), of("shrunk"));
    assert_eq!(segment(THUMBNAIL, "shrunk", "return", "freed"), of("decoded"));
    let largest = 1024 * 1024 * RGBA as u64;
    assert_eq!(segment(THUMBNAIL, "entry", "decoded", "peak"), largest);
    // All of it was carried out of an upload.
    let thumbnail = &report.function(THUMBNAIL)["figures"];
    let carried = &report.segment(UPLOAD, "carried", "done");
    assert_eq!(carried["count"], counters["handlers"]["thumbnails"]["begun"]);
    assert_eq!(carried["figures"]["allocated"], thumbnail["allocated"]);

    for (span, what) in [(FIND, "results"), (BLOCK, "exported")] {
        assert_eq!(segment(span, "entry", "close", "allocated"), of(what));
        assert_eq!(segment(span, "entry", "close", "freed"), 0);
    }

    let remember = &report.function(REMEMBER)["figures"];
    assert_eq!(remember["net"], counters["cache"]);
}

#[test]
fn most_at_once_is_what_the_handlers_have_counted() {
    let service = Service::start("max_concurrent", &[]);
    let most = |function: &str, handler: &str| {
        let memprobe = number(&service.report().function(function)["max_concurrent"]);
        (number(&service.counters()["handlers"][handler]["max_concurrent"]), memprobe)
    };
    // A handler counts a moment after it was entered and until a moment before its exit.
    load(&service, 25, |client, _| ("upload", upload(client, 128)));
    load(&service, 25, |client, _| ("search", search(client)));
    for (function, handler) in
        [(UPLOAD, "uploads"), (THUMBNAIL, "thumbnails"), (SEARCH, "searches")]
    {
        let (counted, memprobe) = most(function, handler);
        println!("{function}: {memprobe}, counted {counted}");
        assert!(
            (counted..=CLIENTS as u64).contains(&memprobe),
            "{function}: {memprobe} for {counted}"
        );
    }
    assert!(most(THUMBNAIL, "thumbnails").1 <= most(UPLOAD, "uploads").1, "one each");

    // More than there ever were, and all of them meet.
    for count in (2..=6).map(|times| times * CLIENTS) {
        drop(hold_uploads(&service, count));
        service.wait_until_idle();
        assert_eq!(most(UPLOAD, "uploads"), (count as u64, count as u64));
    }
}

/// So many uploads that wait for the second half of their pictures.
fn hold_uploads(service: &Service, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| service.client()).collect();
    for client in &mut clients {
        client.begin("/thumbnails/512", 512 * 512, &vec![7; 512 * 256]);
    }
    let running = || number(&service.counters()["handlers"]["uploads"]["running"]);
    service.wait_for("all uploads", || (running() == count as u64).then_some(()));
    clients
}

#[test]
fn each_upload_is_in_flight_once() {
    let service = Service::start("in_flight", &[]);
    let mut decoding = 0;
    for _ in 0..100 {
        let uploads = hold_uploads(&service, CLIENTS);
        // Each in the call of its route.
        let waiting = |name: &str| vec![(name.to_owned(), "entry".to_owned()); CLIENTS];
        assert_eq!(service.in_flight(), [waiting(UPLOAD), waiting(THUMBNAILS)].concat());
        decoding += look_while_they_are_decoded(&service, uploads);
        if decoding > 5 {
            return;
        }
    }
    panic!("decoding was seen only {decoding} times");
}

/// How often a picture was seen that is decoded, on another thread than its upload.
fn look_while_they_are_decoded(service: &Service, uploads: Vec<Client>) -> usize {
    let all_answered = AtomicBool::new(false);
    let mut decoding = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            for mut upload in uploads {
                assert_eq!(upload.end(&vec![7; 512 * 256]).status, 200);
            }
            all_answered.store(true, Relaxed);
        });
        while !all_answered.load(Relaxed) {
            let calls = service.in_flight();
            let count = |function| calls.iter().filter(|(name, _)| name == function).count();
            assert!(count(UPLOAD) <= CLIENTS, "{calls:?}");
            decoding += count(THUMBNAIL);
        }
    });
    service.wait_until_idle();
    decoding
}

#[test]
fn an_export_holds_a_few_blocks_and_is_cancelled_when_its_client_goes() {
    let service = Service::start("export", &[]);
    let mut client = service.client();
    // More than sockets take.
    client.ask("/export?times=100000");
    let held = service.wait_for("the export waits for its client", || {
        let held = |call: &Value| call["held"].as_u64();
        let calls = service.json("/debug/memprobe/in_flight");
        let export = calls.as_array()?.iter().find(|call| call["function"] == EXPORT)?;
        held(export).filter(|&held| held > 32 << 10)
    });
    assert!(held < 1 << 20, "{held}");
    drop(client);
    service.wait_until_idle();
    let report = service.report();
    assert_eq!(outcomes(&report, EXPORT), [0, 0, 1]);
    let figures = &report.function(EXPORT)["figures"];
    let exported = number(&service.counters()["handlers"]["exported"]);
    assert_eq!(number(&report.function(BLOCK)["figures"]["allocated"]), exported);
    let net = figures["net"].as_i64().expect("a number");
    assert!((-4096..=0).contains(&net), "{net}");
    assert!(number(&figures["peak"]) < 1 << 20, "{figures}");
}

#[test]
fn a_cache_that_leaks_keeps_in_each_call_and_one_that_does_not_keeps_nothing() {
    for (name, options) in [("leak", &["--leak"][..]), ("no_leak", &[])] {
        let service = Service::start(name, options);
        load(&service, 25, |client, _| ("upload", upload(client, 128)));
        let (report, counters) = (service.report(), service.counters());
        let remember = &report.function(REMEMBER)["figures"];
        assert_eq!(remember["net"], counters["cache"]);
        let per_call = remember["steady"]["per_call"].as_i64().expect("many calls");
        // A thumbnail has 1 KiB; the list of them has grown too.
        let expected = if name == "leak" { 1 << 10..=1200 } else { 0..=0 };
        assert!(expected.contains(&per_call), "{name}: {per_call}");
    }
}

#[test]
fn help_names_the_options() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_axum")).arg("--help").output().expect("it starts");
    let help = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    for option in ["--port PORT", "--leak", "--help"] {
        assert!(help.contains(option), "{help}");
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_axum")).arg("--leek").output().expect("it starts");
    assert_eq!(output.stderr, b"axum: there is no option --leek; see --help\n");
    assert!(!output.status.success());
}

#[test]
fn the_recipe_has_the_code_of_the_example() {
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../memprobe/examples/axum");
    let files = std::fs::read_dir(example).expect(example).map(|file| {
        let path = file.expect("a file").path();
        lines(&std::fs::read_to_string(&path).expect("text"))
    });
    let files: Vec<String> = files.collect();
    let recipe = include_str!("../../../docs/axum.md").split("```rust\n").skip(1);
    let excerpts: Vec<&str> = recipe.filter_map(|rest| Some(rest.split_once("\n```")?.0)).collect();
    assert!(excerpts.len() > 5, "excerpts are found");
    for excerpt in excerpts {
        let excerpt = lines(excerpt);
        assert!(files.iter().any(|file| file.contains(&excerpt)), "not in the example:\n{excerpt}");
    }
}
