//! Searches: an index is built, and the result is handed to the framework. Two spans are calls.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;
use tracing::info_span;

use crate::counters::COUNTERS;
use crate::service::Service;

/// Bytes that a result has room for.
const RESULT: usize = 64 << 10;

#[derive(Deserialize)]
pub struct Asked {
    word: String,
}

/// The pages with that word, as many as a result has room for.
pub async fn search(State(service): State<Arc<Service>>, Query(asked): Query<Asked>) -> String {
    let call = COUNTERS.searches.begin();
    let index = info_span!("index").in_scope(|| index(&service.pages));
    let result = info_span!("find").in_scope(|| find(&index, &asked.word));
    COUNTERS.sent.add(result.len());
    call.done();
    result
}

/// The pages with each word.
type Index<'a> = HashMap<&'a str, Vec<&'a str>>;

fn index(pages: &[String]) -> Index<'_> {
    let mut index = Index::new();
    for page in pages {
        for word in page.split(' ') {
            index.entry(word).or_default().push(page);
        }
    }
    index
}

fn find(index: &Index<'_>, word: &str) -> String {
    let mut result = String::with_capacity(RESULT);
    COUNTERS.results.add(result.capacity());
    for page in index.get(word).into_iter().flatten() {
        if result.len() + page.len() < RESULT {
            result.push_str(page);
            result.push('\n');
        }
    }
    result
}

/// Pages to search in.
pub fn written() -> Vec<String> {
    let word = |page: usize, at: usize| format!("word{}", (page + at * at) % 97);
    let page = |page| (0..20).map(|at| word(page, at)).collect::<Vec<_>>().join(" ");
    (0..50).map(page).collect()
}
