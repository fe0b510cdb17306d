//! The routes, and the state that they share.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::cache::Cache;
use crate::{counters, debug, export, pages, pictures};

/// What handlers share.
pub struct Service {
    pub cache: Cache,
    pub pages: Vec<String>,
}

impl Service {
    pub fn new(leaks: bool) -> Service {
        Service { cache: Cache::new(leaks), pages: pages::written() }
    }
}

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/thumbnails/{side}", post(pictures::upload))
        .route("/search", get(pages::search))
        .route("/export", get(export::export))
        // A request to one of the routes above is a call.
        .layer(memprobe::tower::layer())
        .route("/counters", get(counters::counters))
        .merge(debug::routes())
        .with_state(service)
}
