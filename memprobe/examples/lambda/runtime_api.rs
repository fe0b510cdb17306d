//! A small Lambda Runtime API on loopback: hands a function its events and takes its answers,
//! as <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> says.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lambda_runtime::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// What a function answers: its response, or the error that it reports.
pub type Answer = Result<Bytes, Bytes>;

/// The API. Dropped, it closes its connections, and with them ends `lambda_runtime::run`.
pub struct RuntimeApi {
    address: String,
    count: AtomicU64,
    invocations: mpsc::Sender<Invocation>,
    _server: JoinSet<()>,
}

struct Invocation {
    id: String,
    event: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub async fn start() -> io::Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (invocations, waiting) = mpsc::channel(1);
        let function = Function { waiting: waiting.into(), running: Mutex::default() };
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::new(function)));
        Ok(RuntimeApi { address, count: AtomicU64::new(1), invocations, _server: server })
    }

    /// What the function finds in its `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Hands the function an event and waits for its answer, if need be for ever.
    pub async fn invoke(&self, event: Vec<u8>) -> Result<Answer, Error> {
        let id = format!("local-{}", self.count.fetch_add(1, Relaxed));
        let (answer, answered) = oneshot::channel();
        self.invocations.send(Invocation { id, event, answer }).await?;
        Ok(answered.await?)
    }
}

async fn serve(listener: TcpListener, function: Arc<Function>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let function = function.clone();
        let service = service_fn(move |request| respond(function.clone(), request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond(
    function: Arc<Function>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().strip_prefix("/2018-06-01/runtime/invocation/");
    let path: Vec<&str> = path.unwrap_or_default().split('/').collect();
    match (head.method.as_str(), &path[..]) {
        ("GET", ["next"]) => function.next().await,
        ("POST", [id, "response"]) => function.answer(id, Ok(body)),
        ("POST", [id, "error"]) => function.answer(id, Err(body)),
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn status(status: StatusCode) -> Result<Response<Full<Bytes>>, Error> {
    Ok(Response::builder().status(status).body(Full::default())?)
}

/// The function, as its Runtime API sees it.
struct Function {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Function {
    /// The next event, whenever that comes.
    async fn next(&self) -> Result<Response<Full<Bytes>>, Error> {
        let Some(Invocation { id, event, answer }) = self.waiting.lock().await.recv().await else {
            // There will be none: the function waits until its connection is closed.
            return std::future::pending().await;
        };
        let deadline = SystemTime::now() + Duration::from_secs(60);
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", &id)
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .body(Full::from(event))?;
        self.running().insert(id, answer);
        Ok(response)
    }

    fn answer(&self, id: &str, answer: Answer) -> Result<Response<Full<Bytes>>, Error> {
        match self.running().remove(id) {
            Some(invocation) => {
                // Nobody may wait for it any more.
                let _ = invocation.send(answer);
                status(StatusCode::ACCEPTED)
            }
            None => status(StatusCode::BAD_REQUEST),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
