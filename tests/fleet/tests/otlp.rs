//! OpenTelemetry: from the collector through the SDK and OTLP over gRPC into a receiver on loopback.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use memprobe::metrics::{BUCKETS, Collector};
use memprobe::{memprobe, probe};
use metrics_opentelemetry::{OpenTelemetryMetrics, OpenTelemetryRecorder};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use tonic::{Request, Response, Status};

memprobe::global_allocator!();

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<ExportMetricsServiceRequest>>>);

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().expect("no panic").push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Receiver {
    /// The metrics of the last export.
    fn metrics(&self) -> Vec<Metric> {
        let exports = self.0.lock().expect("no panic");
        let resources = exports.last().into_iter().flat_map(|export| &export.resource_metrics);
        let scopes = resources.flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).cloned().collect()
    }
}

#[memprobe(name = "render")]
fn render(kib: usize) {
    let page = black_box(vec![1_u8; kib << 10]);
    probe!("laid_out");
    drop(page);
}

#[memprobe(name = "parse")]
fn parse() {
    drop(black_box(vec![1_u8; 10 << 10]));
}

fn has(attributes: &[KeyValue], wanted: &[(&str, &str)]) -> bool {
    let has_one = |&(key, value): &(&str, &str)| {
        let is = |other: &KeyValue| {
            let other_value = other.value.as_ref().and_then(|value| value.value.as_ref());
            other.key == key && other_value == Some(&Value::StringValue(value.to_owned()))
        };
        attributes.iter().any(is)
    };
    wanted.iter().all(has_one)
}

/// Whether a metric is there once, by name: with another unit it would be another one.
fn one<'a>(metrics: &'a [Metric], name: &str, unit: &str) -> &'a Metric {
    let all: Vec<_> = metrics.iter().filter(|metric| metric.name == name).collect();
    assert_eq!(all.len(), 1, "{name} in {metrics:#?}");
    assert_eq!(all[0].unit, unit, "{name}");
    assert!(!all[0].description.is_empty(), "{name}");
    all[0]
}

fn sum(metrics: &[Metric], name: &str, unit: &str, wanted: &[(&str, &str)]) -> u64 {
    let Some(Data::Sum(sum)) = &one(metrics, name, unit).data else { panic!("{name} is a sum") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, AggregationTemporality::Cumulative as i32);
    let point = sum.data_points.iter().find(|point| has(&point.attributes, wanted));
    match point.and_then(|point| point.value) {
        Some(Number::AsInt(value)) => value as u64,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_every_call_once() {
    let receiver = Receiver::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let service = MetricsServiceServer::new(receiver.clone());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming),
    );

    let exporter = MetricExporter::builder().with_tonic().with_endpoint(address).build();
    let reader = PeriodicReader::builder(exporter.expect("an exporter")).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let recorder =
        OpenTelemetryRecorder::new(OpenTelemetryMetrics::new(provider.meter("memprobe")));
    let histograms = ["memprobe.call.peak", "memprobe.call.allocated"];
    recorder.set_histogram_bounds(histograms.into_iter(), &BUCKETS);
    metrics::set_global_recorder(recorder).map_err(|_| "one is installed").expect("the first");
    let collector = Collector::new();
    collector.describe();

    let flush = async |provider: &SdkMeterProvider| {
        let provider = provider.clone();
        tokio::task::spawn_blocking(move || provider.force_flush()).await.expect("no panic")
    };
    for _ in 0..3 {
        for at in 0..100 {
            render(100 + 10 * at);
            parse();
        }
        collector.collect();
        flush(&provider).await.expect("it is received");
    }

    let metrics = receiver.metrics();
    let returned = [("function", "render"), ("outcome", "returned")];
    assert_eq!(sum(&metrics, "memprobe.calls", "1", &returned), 300);
    let allocated = sum(&metrics, "memprobe.function.allocated", "By", &[("function", "parse")]);
    assert_eq!(allocated, 300 * (10 << 10));
    let Some(Data::Histogram(peaks)) = &one(&metrics, "memprobe.call.peak", "By").data else {
        panic!("a histogram")
    };
    let wanted = [("function", "render")];
    let point = peaks.data_points.iter().find(|point| has(&point.attributes, &wanted));
    let point = point.expect("of render");
    assert_eq!((point.count, point.explicit_bounds.as_slice()), (300, BUCKETS.as_slice()));
    // 100 to 1090 KiB, rounded up to pages.
    let up_to = |bytes: f64| {
        let below = point.explicit_bounds.iter().take_while(|&&bound| bound <= bytes).count();
        point.bucket_counts[..below].iter().sum::<u64>()
    };
    let kib = |kib: u32| f64::from(kib << 10);
    assert_eq!((up_to(kib(96)), up_to(kib(1536))), (0, 300));
    // 100 to 500 KiB: 510 KiB are a block of 512 KiB, which counts as more than its bound.
    assert_eq!(up_to(kib(512)), 3 * 41);
    let Some(Data::Gauge(rss)) = &one(&metrics, "process.memory.usage", "By").data else {
        panic!("a gauge")
    };
    assert_eq!(rss.data_points.len(), 1);
}
