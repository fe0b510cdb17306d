//! Heap profiles in the format of pprof, which `go tool pprof`, Grafana Pyroscope and speedscope read,
//! with the names and lines of the program's own symbols.

mod builder;
mod jemalloc;
mod owners;
mod proto;

pub(crate) use jemalloc::of_jemalloc;
