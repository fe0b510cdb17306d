//! A subscriber whose work the exact counter does not count, and a layer that keeps events.

use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::exact::pause;
use crate::record;

/// Keeps each event, as [`record::Recorder`] does.
#[derive(Debug)]
pub struct RecorderLayer;

impl<S: Subscriber> Layer<S> for RecorderLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        record::keep(event);
    }
}

/// Pauses the exact counter while the subscriber is at work.
pub struct Uncounted<S>(pub S);

impl<S> Uncounted<S> {
    fn run<T>(&self, work: impl FnOnce(&S) -> T) -> T {
        let before = pause(true);
        let result = work(&self.0);
        pause(before);
        result
    }
}

impl<S: Subscriber> Subscriber for Uncounted<S> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.run(|inner| inner.register_callsite(metadata))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.run(|inner| inner.enabled(metadata))
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.run(|inner| inner.new_span(span))
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.run(|inner| inner.record(span, values));
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.run(|inner| inner.record_follows_from(span, follows));
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.run(|inner| inner.event_enabled(event))
    }

    fn event(&self, event: &Event<'_>) {
        self.run(|inner| inner.event(event));
    }

    fn enter(&self, span: &span::Id) {
        self.run(|inner| inner.enter(span));
    }

    fn exit(&self, span: &span::Id) {
        self.run(|inner| inner.exit(span));
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.run(|inner| inner.clone_span(id))
    }

    fn try_close(&self, id: span::Id) -> bool {
        self.run(|inner| inner.try_close(id))
    }
}
