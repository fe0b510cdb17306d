//! The function: a thumbnail of the photograph in the request.

use std::io::Cursor;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use image::{ImageFormat, imageops::FilterType};
use lambda_runtime::{Error, LambdaEvent};
use memprobe::{memprobe, probe};
use serde::Deserialize;
use serde_json::{Value, json};

/// A request as a function URL hands it on: what is not text comes in base64.
#[derive(Deserialize)]
pub struct Request {
    body: String,
}

/// Fits a photograph into 640 × 640 pixels.
#[memprobe]
pub async fn thumbnail(request: LambdaEvent<Request>) -> Result<Value, Error> {
    let photo = BASE64_STANDARD.decode(&request.payload.body)?;
    probe!("received", bytes = photo.len());

    let image = image::load_from_memory(&photo)?;
    probe!("decoded", width = image.width(), height = image.height());

    let small = image.resize(640, 640, FilterType::Lanczos3);
    probe!("resized", width = small.width(), height = small.height());

    let mut jpeg = Vec::new();
    small.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg)?;
    probe!("encoded", bytes = jpeg.len());

    Ok(json!({
        "statusCode": 200,
        "headers": { "content-type": "image/jpeg" },
        "isBase64Encoded": true,
        "body": BASE64_STANDARD.encode(jpeg),
    }))
}
