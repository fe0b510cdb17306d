//! The service's own counters. Its test holds memprobe's figures against them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::response::Json;
use serde::Serialize;
use serde_json::{Value, json};

use crate::service::Service;

pub static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::default);

#[derive(Default, Serialize)]
pub struct Counters {
    pub uploads: Calls,
    pub thumbnails: Calls,
    pub searches: Calls,
    pub exports: Calls,
    /// Room that was made for bodies of uploads.
    pub received: Bytes,
    /// For decoded pictures.
    pub decoded: Bytes,
    /// For thumbnails.
    pub shrunk: Bytes,
    /// For results of searches.
    pub results: Bytes,
    /// For blocks of exports.
    pub exported: Bytes,
    /// Bytes of answers that came to their good end, and of blocks of exports.
    pub sent: Bytes,
}

#[derive(Default, Serialize)]
pub struct Bytes(AtomicU64);

impl Bytes {
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Relaxed);
    }
}

/// Calls of one function.
#[derive(Default, Serialize)]
pub struct Calls {
    begun: AtomicU64,
    /// Those that came to their good end.
    done: AtomicU64,
    running: AtomicU64,
    max_concurrent: AtomicU64,
}

impl Calls {
    pub fn begin(&self) -> Call<'_> {
        self.begun.fetch_add(1, Relaxed);
        let running = self.running.fetch_add(1, Relaxed) + 1;
        self.max_concurrent.fetch_max(running, Relaxed);
        Call(self)
    }
}

/// A call that runs, until it is dropped.
pub struct Call<'a>(&'a Calls);

impl Call<'_> {
    pub fn done(self) {
        self.0.done.fetch_add(1, Relaxed);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

pub async fn counters(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(json!({ "handlers": *COUNTERS, "cache": service.cache.bytes() }))
}
