//! The handler of the example on the real `lambda_runtime`: what its log says of a real
//! photograph. The Lambda is a process of its own: its environment is set before it starts.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use lambda_runtime::service_fn;
use memprobe_tests::lambda;
use memprobe_tests::pages::in_pages;
use memprobe_tests::record::{self, Record, Recorder};
use serde_json::{Value, json};

#[path = "../../memprobe/examples/lambda/handler.rs"]
mod handler;
#[path = "../../memprobe/examples/lambda/runtime_api.rs"]
mod runtime_api;

use runtime_api::RuntimeApi;

memprobe::global_allocator!();

const PHOTO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../memprobe/examples/lambda/dandelions.jpg");
const PIXELS: i64 = 5312 * 2988;
const SMALL_PIXELS: i64 = 640 * 360;
/// `image` resizes the columns first, into RGBA of `f32`.
const COLUMNS: i64 = 5312 * 360 * 4 * 4;

#[tokio::test]
async fn the_log_says_which_phase_takes_the_memory() {
    if lambda::is_this() {
        be_the_lambda().await;
        return;
    }
    let api = RuntimeApi::start().await.expect("a port");
    let mut lambda =
        lambda::start("the_log_says_which_phase_takes_the_memory", "thumbnail", api.address());
    let mut answers = Vec::new();
    for body in [photo(), photo(), b"not a picture".to_vec()] {
        answers.push(tokio::select! {
            answer = api.invoke(request(&body).into()) => answer.expect("an answer"),
            ended = lambda.wait() => panic!("the Lambda has ended: {ended:?}"),
        });
    }
    drop(api);
    assert!(lambda.wait().await.expect("an end").success(), "its checks have passed");

    let [Ok(first), Ok(second), Err(report)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(first, second);
    let response: Value = serde_json::from_slice(first).expect("JSON");
    assert_eq!(response["statusCode"], 200);
    let jpeg = BASE64_STANDARD.decode(response["body"].as_str().expect("text")).expect("base64");
    let small = image::load_from_memory(&jpeg).expect("a picture");
    assert_eq!((small.width(), small.height()), (640, 360));
    let report: Value = serde_json::from_slice(report).expect("JSON");
    assert_eq!(report["errorMessage"], "The image format could not be determined");
}

fn photo() -> Vec<u8> {
    fs::read(PHOTO).expect(PHOTO)
}

fn request(body: &[u8]) -> String {
    json!({ "body": BASE64_STANDARD.encode(body) }).to_string()
}

async fn be_the_lambda() {
    Recorder::install();
    let ended = lambda_runtime::run(service_fn(handler::thumbnail)).await;
    assert!(ended.is_err(), "it runs until its Runtime API is gone");
    let records = record::take();
    let ours: Vec<&Record> =
        records.iter().filter(|record| record.get("memprobe").is_some()).collect();
    for record in &ours {
        assert_eq!(record.metadata.target(), "memprobe::example_lambda::handler");
        assert_eq!(record.get("function"), Some("example_lambda::handler::thumbnail"));
        assert_eq!(record.number("limit"), 300 << 20, "{record:?}");
        assert!((1..300 << 20).contains(&record.number("rss")), "{record:?}");
    }
    let calls: Vec<_> = ours.chunk_by(|a, b| a.number("call_id") == b.number("call_id")).collect();
    let [first, second, broken] = calls[..] else { panic!("{calls:#?}") };
    check_thumbnail(first);
    check_thumbnail(second);
    check_broken(broken);
    let cold = |call: &[&Record]| call.iter().filter(|r| r.get("cold") == Some("true")).count();
    assert_eq!([first, second, broken].map(cold), [1, 0, 0], "a cold start is one");
}

/// What each event is, and the segment that it ends.
fn outline<'a>(call: &[&'a Record]) -> Vec<[&'a str; 3]> {
    let text = |record: &'a Record, name| record.get(name).unwrap_or_default();
    call.iter().map(|record| ["memprobe", "from", "label"].map(|name| text(record, name))).collect()
}

fn check_thumbnail(call: &[&Record]) {
    assert_eq!(
        outline(call),
        [
            ["entry", "", ""],
            ["probe", "entry", "received"],
            ["probe", "received", "decoded"],
            ["probe", "decoded", "resized"],
            ["probe", "resized", "encoded"],
            ["exit", "encoded", "return"],
        ]
    );
    let [_, received, decoded, resized, encoded, exit] = call[..] else { unreachable!() };
    let photo = photo().len() as i64;

    assert_eq!(received.number("bytes"), photo);
    assert_eq!(received.number("net"), in_pages(photo));

    assert_eq!(decoded.number("width") * decoded.number("height"), PIXELS);
    assert_eq!(decoded.number("net"), in_pages(PIXELS * 3));
    // Meanwhile a copy of the photograph, and some rows of the picture.
    assert_within(decoded.number("peak") - decoded.number("net"), photo, 2 << 20);

    assert_eq!(resized.number("width") * resized.number("height"), SMALL_PIXELS);
    assert_eq!(resized.number("net"), in_pages(SMALL_PIXELS * 3));
    assert_peak(resized.number("peak"), in_pages(COLUMNS) + in_pages(SMALL_PIXELS * 3));

    let jpeg = encoded.number("bytes");
    assert_within(encoded.number("net"), jpeg, 2 * jpeg);

    let heaviest = call.iter().filter(|record| record.get("peak").is_some());
    let heaviest = heaviest.max_by_key(|record| record.number("peak")).expect("some");
    assert_eq!(heaviest.get("label"), Some("decoded"));
    // The call as a whole was highest while it resized, on top of what it held.
    assert_eq!(exit.get("call_peak_from"), Some("decoded"));
    assert_eq!(exit.get("call_peak_label"), Some("resized"));
    assert_eq!(exit.number("call_peak"), decoded.number("held") + resized.number("peak"));

    assert_eq!(exit.get("outcome"), Some("returned"));
    assert_eq!(exit.number("held"), exit.number("call_net"));
    let sum = |name| call[1..].iter().map(|record| record.number(name)).sum::<i64>();
    assert_eq!(exit.number("call_allocated"), sum("allocated"));
    assert_eq!(exit.number("call_freed"), sum("freed"));
    assert_eq!(exit.number("call_net"), sum("net"));
    // It has freed all but the response, and the request, which came from outside.
    let base64 = |bytes: i64| (bytes + 2) / 3 * 4;
    let response = exit.number("call_net") + in_pages(base64(photo));
    assert_within(response, base64(jpeg), base64(jpeg) + (8 << 10));
}

fn check_broken(call: &[&Record]) {
    assert_eq!(
        outline(call),
        [["entry", "", ""], ["probe", "entry", "received"], ["exit", "received", "return"]]
    );
    assert_eq!(call[2].get("outcome"), Some("returned"), "an error is a return");
}

/// A peak is at most 64 KiB under, and `image` needs some weights beside its pictures.
fn assert_peak(figure: i64, pictures: i64) {
    assert_within(figure, pictures - (64 << 10), pictures + (4 << 10));
}

fn assert_within(figure: i64, least: i64, most: i64) {
    assert!((least..=most).contains(&figure), "{least} <= {figure} <= {most}");
}
