//! A small service on axum that makes thumbnails, searches pages and streams them, with memprobe
//! built in.
//!
//! | route | |
//! |---|---|
//! | `POST /thumbnails/{side}` | the body is a grey picture of `side × side` pixels, a byte each |
//! | `GET /search?word=…` | the pages with that word |
//! | `GET /export?times=…` | all pages, so many times: a stream of any length |
//! | `GET /counters` | the service's own counters, as JSON |
//! | `GET /debug/memprobe` | the report as a page |
//! | `GET /debug/memprobe.json` | the report as raw numbers |
//! | `GET /debug/memprobe/in_flight` | the calls that run now, as JSON |
//!
//! ```sh
//! cargo run --release -p memprobe --example axum --features axum,spans,html,json
//! head -c 262144 /dev/urandom | curl --data-binary @- localhost:8080/thumbnails/512 > small
//! ```
//!
//! `docs/axum.md` goes through it.

mod cache;
mod counters;
mod debug;
mod export;
mod pages;
mod pictures;
mod service;

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::prelude::*;

use service::Service;

#[cfg(not(feature = "live"))]
memprobe::global_allocator!();
// With the feature `live` the report also says who owns the memory.
#[cfg(feature = "live")]
memprobe::global_allocator!(live);

const HELP: &str = "\
Makes thumbnails, searches pages and streams them, and shows which part of that takes the memory.

Usage: cargo run --release -p memprobe --example axum --features axum,spans,html,json -- [OPTION]...

  --port PORT  the port of 127.0.0.1 to listen on, by default 8080; 0 takes a free one
  --leak       remember every thumbnail, and not just the latest
  --help       show this

The log is on stdout. The report is printed to stderr when the service ends, by ctrl-c or by
SIGTERM; MEMPROBE_REPORT=report.html writes it as a page instead.
";

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("axum: {why}; see --help");
            return ExitCode::FAILURE;
        }
    };
    run(&options)
}

/// The report is made when the runtime is gone, and with it the last of the work that blocks.
fn run(options: &Options) -> ExitCode {
    let _report = memprobe::report_on_exit();
    let ended = serve(options);
    for call in memprobe::in_flight() {
        eprintln!("axum: {} has not ended, after {}", call.function, call.last_label);
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    // Each span is a call, and what the subscriber allocates for its text is in no figure.
    let subscriber = tracing_subscriber::registry().with(memprobe::spans::layer());
    memprobe::spans::ignore(subscriber.with(tracing_subscriber::fmt::layer())).init();
    // Says who took the memory before the service is killed for it.
    memprobe::Watch::new().install()?;
    let service = Arc::new(Service::new(options.leak));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service::router(service)).with_graceful_shutdown(asked_to_end()).await?;
    Ok(())
}

/// Requests that run are answered, and then the service ends.
async fn asked_to_end() {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

struct Options {
    port: u16,
    leak: bool,
}

impl Options {
    /// `None` asks for help.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options { port: 8080, leak: false };
        while let Some(arg) = args.next() {
            match &*arg {
                "-h" | "--help" => return Ok(None),
                "--leak" => options.leak = true,
                "--port" => {
                    let port = args.next().ok_or("--port needs a number")?;
                    options.port = port.parse().map_err(|_| format!("{port} is no port"))?;
                }
                _ => return Err(format!("there is no option {arg}")),
            }
        }
        Ok(Some(options))
    }
}
