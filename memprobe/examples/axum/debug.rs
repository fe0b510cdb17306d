//! What memprobe knows, for whoever runs the service. Not for the public: it names functions.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Json};
use axum::routing::get;
use serde_json::{Value, json};

pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/debug/memprobe", get(page))
        .route("/debug/memprobe.json", get(numbers))
        .route("/debug/memprobe/in_flight", get(in_flight))
}

/// The report as a page.
async fn page() -> Html<String> {
    Html(memprobe::report().to_html())
}

/// The report as raw numbers.
async fn numbers() -> Result<impl IntoResponse, StatusCode> {
    let mut json = Vec::new();
    match memprobe::report().write_json(&mut json) {
        Ok(()) => Ok(([(CONTENT_TYPE, "application/json")], json)),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The calls that run now, those that hold the most first.
async fn in_flight() -> Json<Vec<Value>> {
    let calls = memprobe::in_flight().into_iter().map(|call| {
        json!({
            "function": call.function,
            "last_label": call.last_label,
            "age_ms": call.age.as_millis() as u64,
            "held": call.held,
            "peak": call.peak,
        })
    });
    Json(calls.collect())
}
