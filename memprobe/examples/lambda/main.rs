//! A Lambda that makes thumbnails of photographs. Its log tells which phase of the work takes
//! the memory.
//!
//! The function is in `handler.rs`. On AWS it stands behind a function URL: the request's body
//! is a photograph, JPEG or PNG, and that of the response a JPEG (Lambda takes requests up to
//! 6 MB, so photographs up to 4.5 MB). The binary goes into a zip under the name `bootstrap`,
//! for the runtime `provided.al2023`; then
//!
//! ```sh
//! curl -H 'content-type: image/jpeg' --data-binary @photo.jpg $URL > thumbnail.jpg
//! ```
//!
//! Outside AWS, where there is no `AWS_LAMBDA_RUNTIME_API`, it starts itself as a Lambda and
//! plays the Runtime API for it: `cargo run --release --example lambda -- --help`.
//!
//! # What the figures must be
//!
//! Of `dandelions.jpg`, 5312 × 2988 pixels, and its thumbnail, 640 × 360, as jemalloc gives
//! out large blocks: in whole pages of 4096 bytes.
//!
//! | phase | what it needs | bytes | in pages |
//! |---|---|---|---|
//! | `entry -> received` | the photograph, out of base64 | 932,833 | 933,888 |
//! | `received -> decoded` | the picture: 5312 × 2988 × 3 | 47,616,768 | 47,620,096 |
//! | `decoded -> resized` | the thumbnail: 640 × 360 × 3 | 691,200 | 692,224 |
//! | | meanwhile its columns, RGBA of `f32`: 5312 × 360 × 16 | 30,597,120 | 30,597,120 |
//! | the call's peak | all of these | 79,837,921 | 79,843,328 |
//!
//! While it decodes, `image` holds up to 2 MiB more: a copy of the photograph and some rows.
//! The call as a whole keeps less than nothing: it frees the request, which it was given.

mod handler;
mod local;
mod log;
mod runtime_api;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use lambda_runtime::{Error, service_fn};

memprobe::global_allocator!();

const HELP: &str = "\
Makes thumbnails of photographs in a Lambda, and shows which phase takes the memory.

Usage: cargo run --release --example lambda -- [--json] [PHOTOGRAPH]...

  PHOTOGRAPH  a JPEG or PNG file; without one, the photograph that ships with memprobe
  --json      log as on AWS, for CloudWatch: in JSON, with all fields

The log is on stdout, all else on stderr. AWS_LAMBDA_FUNCTION_MEMORY_SIZE is the memory
limit in MB, by default 512; here it is shown and not enforced.
With AWS_LAMBDA_RUNTIME_API set, as it is on AWS, this is an ordinary Lambda.
";

const DANDELIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lambda/dandelions.jpg");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("lambda: {error}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, Error> {
    let args = Args::parse(env::args_os().skip(1))?;
    if args.help {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return local::run(&args.photos, args.json).await;
    }
    lambda(args.json).await
}

/// The Lambda; ends with its Runtime API.
async fn lambda(json: bool) -> Result<ExitCode, Error> {
    let is_local = env::var("AWS_LAMBDA_FUNCTION_VERSION").is_ok_and(|is| is == local::VERSION);
    if is_local && !json {
        log::text();
    } else {
        log::json();
    }
    let ended = lambda_runtime::run(service_fn(handler::thumbnail)).await;
    eprint!("{}", memprobe::report());
    if !is_local {
        ended?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
struct Args {
    help: bool,
    json: bool,
    photos: Vec<PathBuf>,
}

impl Args {
    fn parse(args: impl Iterator<Item = OsString>) -> Result<Args, Error> {
        let mut parsed = Args::default();
        for arg in args {
            match arg.to_str() {
                Some("-h" | "--help") => parsed.help = true,
                Some("--json") => parsed.json = true,
                Some(option) if option.starts_with('-') => {
                    return Err(format!("there is no option {option}; see --help").into());
                }
                _ => parsed.photos.push(arg.into()),
            }
        }
        if parsed.photos.is_empty() {
            parsed.photos.push(DANDELIONS.into());
        }
        Ok(parsed)
    }
}
