//! A small service with the route `/metrics`: what [docs/fleet.md](../../../../docs/fleet.md) tells to
//! write.

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use memprobe::metrics::{BUCKETS, Collector};
use memprobe::{memprobe, probe};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;

memprobe::global_allocator!();

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    memprobe::Watch::new().install()?;
    let recorder = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets_for_metric(Matcher::Prefix("memprobe_".to_owned()), &BUCKETS)?
        .install_recorder()?;
    let metrics = Metrics { collector: Collector::new(), recorder };
    metrics.collector.describe();
    let app = Router::new()
        .route("/render", get(render))
        .route("/remember", get(remember))
        .route("/hold", get(hold))
        .route("/metrics", get(scrape))
        .with_state(metrics);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

#[derive(Clone)]
struct Metrics {
    collector: Collector,
    recorder: PrometheusHandle,
}

async fn scrape(State(metrics): State<Metrics>) -> String {
    metrics.collector.collect();
    metrics.recorder.render()
}

#[derive(Deserialize)]
struct Size {
    kib: usize,
}

/// Needs as much memory as it is asked for, and frees it.
#[memprobe]
async fn render(Query(Size { kib }): Query<Size>) -> String {
    let page = vec![1_u8; kib << 10];
    probe!("laid_out");
    tokio::time::sleep(Duration::from_millis(1)).await;
    page.len().to_string()
}

static REMEMBERED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Keeps what it allocates.
#[memprobe]
async fn remember(Query(Size { kib }): Query<Size>) -> &'static str {
    let entry = vec![1_u8; kib << 10];
    probe!("made");
    REMEMBERED.lock().expect("no panic").push(entry);
    "kept"
}

static HELD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Holds exactly as much memory as it is asked for last.
async fn hold(Query(Size { kib }): Query<Size>) -> &'static str {
    let held = vec![1_u8; kib << 10];
    *HELD.lock().expect("no panic") = held;
    "held"
}
