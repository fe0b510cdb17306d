//! The layer on the real `lambda_runtime`. The Lambda is a process of its own: its environment is
//! set before it starts.

use std::hint::black_box;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use memprobe_tests::{function, lambda};
use serde_json::{Value, json};
use tower::Layer;

#[path = "../../memprobe/examples/lambda/runtime_api.rs"]
mod runtime_api;

use runtime_api::RuntimeApi;

memprobe::global_allocator!();

const BLOCK: usize = 1 << 20;

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let block = black_box(vec![1_u8; BLOCK]);
    match event.payload["path"].as_str() {
        Some("/good") => Ok(json!({ "bytes": block.len() })),
        Some("/panics") => panic!("the handler panics"),
        _ => Err("there is no such path".into()),
    }
}

#[tokio::test]
async fn the_calls_of_a_lambda_have_the_names_of_its_events() {
    if lambda::is_this() {
        be_the_lambda().await;
        return;
    }
    let api = RuntimeApi::start().await.expect("a port");
    let mut lambda =
        lambda::start("the_calls_of_a_lambda_have_the_names_of_its_events", "paths", api.address());
    let mut answers = Vec::new();
    for path in ["/good", "/good", "/panics", "/nowhere"] {
        let event = json!({ "path": path }).to_string();
        let answer = tokio::select! {
            answer = api.invoke(event.into()) => answer.expect("an answer"),
            ended = lambda.wait() => panic!("the Lambda has ended: {ended:?}"),
        };
        let (Ok(body) | Err(body)) = &answer;
        answers.push((answer.is_ok(), serde_json::from_slice::<Value>(body).expect("JSON")));
    }
    drop(api);
    assert!(lambda.wait().await.expect("an end").success(), "its checks have passed");
    let [good, again, panics, nowhere] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(good, &(true, json!({ "bytes": BLOCK })));
    assert_eq!(good, again);
    assert_eq!(
        (panics.0, &panics.1["errorMessage"]),
        (false, &json!("Lambda panicked: the handler panics"))
    );
    assert_eq!((nowhere.0, &nowhere.1["errorMessage"]), (false, &json!("there is no such path")));
}

async fn be_the_lambda() {
    let layer = memprobe::tower::layer_without_body(|event: &LambdaEvent<Value>| {
        event.payload["path"].as_str().unwrap_or("(no path)").to_owned()
    });
    let ended = lambda_runtime::run(layer.layer(service_fn(handler))).await;
    assert!(ended.is_err(), "it runs until its Runtime API is gone");

    assert_eq!(memprobe::report().functions.len(), 3);
    for (path, [returned, panicked]) in
        [("/good", [2, 0]), ("/panics", [0, 1]), ("/nowhere", [1, 0])]
    {
        let function = function(path).expect(path);
        let outcomes = function.outcomes;
        assert_eq!([outcomes.returned, outcomes.panicked], [returned, panicked], "{path}");
        let peak = function.figures.expect("jemalloc counts").peak as usize;
        // A panic that prints its stack reads the symbols of the program.
        let most = if panicked > 0 { usize::MAX } else { BLOCK + (64 << 10) };
        assert!((BLOCK..most).contains(&peak), "{path}: {peak}");
    }
}
