//! A subscriber whose own work is in no figure.

use std::any::TypeId;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_core::span::Current;

use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::spans::probes;

/// Takes what a subscriber allocates and frees out of all figures: the text of events, the fields
/// of spans, what an exporter collects.
///
/// Without it a figure of a call includes what the layers of the subscriber allocate meanwhile for
/// spans and for events of the program. Wrap the whole subscriber, with all its layers. It may hold
/// a [`layer`](super::layer::layer()), and serves programs that have only annotated functions as
/// well.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// # let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
/// let subscriber = tracing_subscriber::registry().with(memprobe::spans::layer()).with(fmt);
/// memprobe::spans::ignore(subscriber).init();
/// ```
pub fn ignore<S>(subscriber: S) -> impl Subscriber + Send + Sync + 'static
where
    S: Subscriber + Send + Sync + 'static,
{
    Ignored(subscriber)
}

struct Ignored<S>(S);

impl<S> Ignored<S> {
    fn run<T>(&self, work: impl FnOnce(&S) -> T) -> T {
        let _ignored = IgnoreAllocs::of_subscriber();
        work(&self.0)
    }
}

impl<S: Subscriber> Subscriber for Ignored<S> {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.run(|inner| inner.on_register_dispatch(dispatch));
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.run(|inner| inner.register_callsite(metadata))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.run(|inner| inner.enabled(metadata))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.run(Subscriber::max_level_hint)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.run(|inner| inner.new_span(span))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.run(|inner| inner.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.run(|inner| inner.record_follows_from(span, follows));
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.run(|inner| inner.event_enabled(event))
    }

    fn event(&self, event: &Event<'_>) {
        self.run(|inner| inner.event(event));
        // Here all filters are done with the event of the program.
        probes::write();
    }

    fn enter(&self, span: &Id) {
        self.run(|inner| inner.enter(span));
    }

    fn exit(&self, span: &Id) {
        self.run(|inner| inner.exit(span));
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.run(|inner| inner.clone_span(id))
    }

    // Whoever calls the deprecated method gets what the inner subscriber does.
    #[allow(deprecated)]
    fn drop_span(&self, id: Id) {
        self.run(|inner| inner.drop_span(id));
    }

    fn try_close(&self, id: Id) -> bool {
        self.run(|inner| inner.try_close(id))
    }

    fn current_span(&self) -> Current {
        self.run(Subscriber::current_span)
    }

    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(std::ptr::from_ref(self).cast());
        }
        // SAFETY: the inner subscriber lives as long as this one, and keeps the same promise.
        unsafe { self.0.downcast_raw(id) }
    }
}
