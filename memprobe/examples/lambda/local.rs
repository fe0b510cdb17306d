//! The run outside AWS: the Lambda is a process of its own, in the environment that AWS would
//! give it, and this one is its Runtime API.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::runtime_api::{Answer, RuntimeApi};

/// The version of the function that runs here; AWS gives out `$LATEST` and numbers.
pub const VERSION: &str = "local";

/// Sends the photographs to a Lambda, one after the other.
pub async fn run(paths: &[PathBuf], json: bool) -> Result<ExitCode, Error> {
    let here = env::current_dir()?;
    let names = paths.iter().map(|path| path.strip_prefix(&here).unwrap_or(path).display());
    let requests = paths.iter().map(|path| request(path)).collect::<Result<Vec<_>, _>>()?;
    let api = RuntimeApi::start().await?;
    let mut lambda = start_lambda(&api, json)?;
    let mut code = ExitCode::SUCCESS;
    for (name, request) in names.zip(requests) {
        let answer = tokio::select! {
            answer = api.invoke(request) => answer?,
            ended = lambda.wait() => {
                let ended = ended?;
                return Err(format!("{name}: the Lambda has ended, {ended}").into());
            }
        };
        match size(answer) {
            Ok(bytes) => eprintln!("{name}: a thumbnail of {bytes} bytes\n"),
            Err(error) => {
                eprintln!("{name}: {error}\n");
                code = ExitCode::FAILURE;
            }
        }
    }
    drop(api);
    lambda.wait().await?;
    Ok(code)
}

/// What a function URL would make of the file.
fn request(photo: &Path) -> Result<Vec<u8>, Error> {
    let photo = fs::read(photo).map_err(|error| format!("{}: {error}", photo.display()))?;
    Ok(serde_json::to_vec(&json!({ "body": BASE64_STANDARD.encode(photo) }))?)
}

fn start_lambda(api: &RuntimeApi, json: bool) -> Result<Child, Error> {
    let memory = env::var_os("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").unwrap_or("512".into());
    let lambda = Command::new(env::current_exe()?)
        .args(json.then_some("--json"))
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "thumbnail")
        .env("AWS_LAMBDA_FUNCTION_VERSION", VERSION)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
        .kill_on_drop(true)
        .spawn()?;
    Ok(lambda)
}

/// The size of the thumbnail, in bytes; or what the function reports.
fn size(answer: Answer) -> Result<usize, Error> {
    let text = |json: &Value, name| json[name].as_str().unwrap_or_default().to_owned();
    match answer {
        Ok(response) => {
            let body = text(&serde_json::from_slice(&response)?, "body");
            Ok(BASE64_STANDARD.decode(body)?.len())
        }
        Err(report) => Err(text(&serde_json::from_slice(&report)?, "errorMessage").into()),
    }
}
