//! A gRPC service of tonic: its calls have the names of its methods, and last until the stream of
//! the response has ended.

use std::net::Ipv4Addr;
use std::time::Duration;

use http::Request;
use memprobe::report::Function;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

memprobe::global_allocator!();

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

async fn client() -> HealthClient<Channel> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("pictures", ServingStatus::Serving).await;
    // All services of the server are behind the layer.
    let layer = memprobe::tower::layer_named(|request: &Request<tonic::body::Body>| {
        request.uri().path().to_owned()
    });
    let server = Server::builder().layer(layer).add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    HealthClient::new(endpoint.connect().await.expect("the service listens"))
}

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn until_idle() {
    for _ in 0..60_000 {
        if memprobe::in_flight().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{:?}", memprobe::in_flight());
}

fn function(name: &str) -> Function {
    let functions = memprobe::report().functions;
    functions.into_iter().find(|function| function.name == name).expect(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_grpc_service_end_with_their_streams() {
    let mut client = client().await;
    for _ in 0..10 {
        let answer = client.check(request("pictures")).await.expect("an answer").into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32);
    }
    // An error is an answer too: one of trailers alone.
    let error = client.check(request("nobody")).await.expect_err("there is no such service");
    assert_eq!(error.code(), Code::NotFound);
    until_idle().await;
    let check = function(CHECK);
    assert_eq!((check.outcomes.returned, check.outcomes.calls()), (11, 11));
    let figures = check.figures.expect("jemalloc counts");
    // The head of the request comes from the server, and that of the response goes to it.
    let per_call = figures.net() / 11;
    assert!(per_call.abs() < 1024, "{per_call}");
    assert!(figures.allocated > 0);

    let mut stream = client.watch(request("pictures")).await.expect("an answer").into_inner();
    let first = stream.message().await.expect("no error").expect("a message");
    assert_eq!(first.status, ServingStatus::Serving as i32);
    let running: Vec<_> = memprobe::in_flight().into_iter().map(|call| call.function).collect();
    assert_eq!(running, [WATCH], "the stream goes on");
    // The client goes away.
    drop(stream);
    until_idle().await;
    let watch = function(WATCH);
    assert_eq!((watch.outcomes.cancelled, watch.outcomes.calls()), (1, 1));
}
