//! A Lambda that writes its metrics in the embedded metric format at the end of each invocation: what [docs/fleet.md](../../../../docs/fleet.md) tells to write.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use memprobe::metrics::Collector;
use memprobe::{memprobe, probe};
use serde_json::{Value, json};

memprobe::global_allocator!();

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME")?;
    let emf = metrics_cloudwatch_embedded::Builder::new()
        .cloudwatch_namespace("memprobe")
        .with_dimension("FunctionName", function)
        .init()?;
    // A histogram of the format takes 100 values from one flush to the next.
    let collector = Collector::new().max_segments(0).max_values(100);
    collector.describe();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let answer = handler(event.payload).await;
        collector.collect();
        emf.flush(std::io::stdout())?;
        answer
    }))
    .await
}

#[memprobe]
async fn handler(event: Value) -> Result<Value, Error> {
    let rows = event["rows"].as_u64().unwrap_or(0);
    let table: Vec<String> = (0..rows).map(row).collect();
    probe!("read", rows);
    Ok(json!({ "bytes": table.iter().map(String::len).sum::<usize>() }))
}

#[memprobe]
fn row(number: u64) -> String {
    "x".repeat(1000 + number as usize % 1000)
}
