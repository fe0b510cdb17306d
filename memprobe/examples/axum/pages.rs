//! Searches: an index is built, and the result is handed to the framework.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use memprobe::{memprobe, probe};
use serde::Deserialize;

use crate::counters::COUNTERS;
use crate::service::Service;

/// Bytes that a result has room for.
const RESULT: usize = 64 << 10;

#[derive(Deserialize)]
pub struct Asked {
    word: String,
}

/// The pages with that word, as many as a result has room for.
#[memprobe]
pub async fn search(State(service): State<Arc<Service>>, Query(asked): Query<Asked>) -> String {
    let call = COUNTERS.searches.begin();
    let mut index: HashMap<&str, Vec<&str>> = HashMap::new();
    for page in &service.pages {
        for word in page.split(' ') {
            index.entry(word).or_default().push(page);
        }
    }
    probe!("indexed", words = index.len());

    let mut result = String::with_capacity(RESULT);
    COUNTERS.results.add(result.capacity());
    for page in index.get(&*asked.word).into_iter().flatten() {
        if result.len() + page.len() < RESULT {
            result.push_str(page);
            result.push('\n');
        }
    }
    probe!("found", bytes = result.len());
    call.done();
    result
}

/// Pages to search in.
pub fn written() -> Vec<String> {
    let word = |page: usize, at: usize| format!("word{}", (page + at * at) % 97);
    let page = |page| (0..20).map(|at| word(page, at)).collect::<Vec<_>>().join(" ");
    (0..50).map(page).collect()
}
