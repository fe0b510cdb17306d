//! With axum a request has the name of its method and of the path that the router has matched.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get};
use memprobe_tests::http::{ask, serve, until_idle};

memprobe::global_allocator!();

async fn user(Path((version, id)): Path<(String, u32)>) -> String {
    format!("user {id} of {version}")
}

fn router() -> Router {
    let api = Router::new().route("/users/{id}", get(user).post(user));
    let files = Router::new().route("/{*path}", get(|| async { "a file" }));
    Router::new()
        .route("/", any(|| async { "the root" }))
        .nest("/api/{version}", api)
        .nest_service("/files", files)
        .merge(Router::new().route("/merged", get(|| async { "merged" })))
        .layer(memprobe::tower::layer())
        .route("/after", get(|| async { "added after the layer" }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_named_by_its_method_and_route() {
    let address = serve(router()).await;
    let mut expected = BTreeMap::new();
    for (method, path, status, name) in [
        ("GET", "/", "200", "GET /"),
        ("GET", "/?page=2", "200", "GET /"),
        ("GET", "/api/v1/users/17", "200", "GET /api/{version}/users/{id}"),
        ("GET", "/api/v2/users/18?all", "200", "GET /api/{version}/users/{id}"),
        ("HEAD", "/api/v2/users/18", "200", "HEAD /api/{version}/users/{id}"),
        ("POST", "/api/v2/users/18", "200", "POST /api/{version}/users/{id}"),
        ("GET", "/api/v2/users/nobody", "400", "GET /api/{version}/users/{id}"),
        ("DELETE", "/api/v2/users/18", "405", "DELETE /api/{version}/users/{id}"),
        // A service of its own is no route of this router.
        ("GET", "/files/a/b", "200", "GET (no route)"),
        ("GET", "/merged", "200", "GET /merged"),
        ("BREW", "/", "200", "(other method) /"),
        ("GET", "/nowhere", "404", "GET (no route)"),
        ("POST", "/nowhere/else", "404", "POST (no route)"),
        ("GET", "/after", "200", ""),
    ] {
        let answer = ask(address, method, path).await;
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
        if !name.is_empty() {
            *expected.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    until_idle().await;
    let functions = memprobe::report().functions;
    let calls =
        functions.iter().map(|function| (function.name.to_owned(), function.outcomes.calls()));
    assert_eq!(calls.collect::<BTreeMap<_, _>>(), expected);
    for function in functions {
        assert_eq!(function.outcomes.returned, function.outcomes.calls(), "{function:?}");
    }
}
