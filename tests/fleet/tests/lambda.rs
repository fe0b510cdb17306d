//! A real Lambda on a Runtime API on loopback: what it prints at each invocation is `CloudWatch`'s
//! embedded metric format, by the published schema.

#[path = "../../../memprobe/examples/lambda/runtime_api.rs"]
mod runtime_api;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use memprobe_fleet::Process;
use runtime_api::RuntimeApi;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn each_invocation_prints_its_metrics_and_no_more() {
    let api = RuntimeApi::start().await.expect("a port");
    let mut lambda = Command::new(env!("CARGO_BIN_EXE_lambda"))
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", api.address()),
            ("AWS_LAMBDA_FUNCTION_NAME", "thumbs"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/thumbs"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = BufReader::new(lambda.stdout.take().expect("a pipe"));
    let lambda = Process(lambda);
    for rows in [1000, 1000, 0] {
        let event = serde_json::to_vec(&json!({ "rows": rows })).expect("JSON");
        let answer = api.invoke(event).await.expect("an answer").expect("no error");
        assert!(String::from_utf8_lossy(&answer).contains("bytes"));
    }
    // The lines are written before the answer.
    drop(lambda);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"))
        .collect();

    let schema: Value = serde_json::from_str(include_str!("emf.schema.json")).expect("JSON");
    let schema = jsonschema::draft7::new(&schema).expect("a schema");
    for line in &lines {
        let errors: Vec<_> = schema.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {line}");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().expect("a list") {
            let value = &line[metric["Name"].as_str().expect("a name")];
            let values = value.as_array().map_or(1, Vec::len);
            assert!(value.is_number() || value.is_array() && values <= 100, "{metric}: {value}");
        }
        for dimension in directive["Dimensions"][0].as_array().expect("a list") {
            assert!(line[dimension.as_str().expect("a name")].is_string(), "{dimension}");
        }
    }

    let of = |function: &str, metric: &str| -> Vec<Value> {
        let lines = lines.iter().filter(|line| line["function"] == function);
        lines.filter_map(|line| line.get(metric).cloned()).collect()
    };
    assert_eq!(of("lambda::handler", "memprobe.calls"), [1, 1, 1], "one in each invocation");
    assert_eq!(of("lambda::row", "memprobe.calls"), [1000, 1000], "and none in the last");
    let peaks = of("lambda::handler", "memprobe.call.peak");
    let peaks: Vec<_> = peaks.iter().map(|peak| peak[0].as_f64().expect("one")).collect();
    assert!(peaks[..2].iter().all(|peak| (1.4e6..2.2e6).contains(peak)), "{peaks:?}");
    assert!(peaks[2] < 1e5, "{peaks:?}");
    let rows = of("lambda::row", "memprobe.call.allocated");
    assert!(rows.iter().all(|values| values.as_array().expect("a list").len() > 90), "{rows:?}");
    let utilization: Vec<_> =
        lines.iter().filter_map(|line| line["memprobe.memory.utilization"].as_f64()).collect();
    assert_eq!(utilization.len(), 3);
    assert!(utilization.iter().all(|part| (0.005..0.5).contains(part)), "{utilization:?}");
}
