//! With `panic = "abort"` only the exit of a call that panics is lost.
//@ flags: -Cpanic=abort

use std::env;
use std::process::Command;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

memprobe::global_allocator!();

/// Prints which of our events it sees.
struct Prints;

impl Visit for Prints {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "memprobe" {
            println!("{value}");
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Prints {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Prints);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[memprobe::memprobe]
fn panics(panics: bool) {
    memprobe::probe!("before");
    assert!(!panics, "on purpose");
}

fn main() {
    if env::args().count() > 1 {
        tracing::subscriber::set_global_default(Prints).unwrap();
        panics(false);
        panics(true);
        return;
    }
    let output = Command::new(env::current_exe().unwrap()).arg("child").output().unwrap();
    assert_eq!(output.status.code(), None, "a signal");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines, "entry\nprobe\nexit\nentry\nprobe\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("on purpose"));
}
