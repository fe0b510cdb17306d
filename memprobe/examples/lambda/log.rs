//! How the log is written: in JSON, as log stores like it, or in short lines for a terminal.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// All fields, flat beside the message.
pub fn json() {
    tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).init();
}

/// Of memprobe's events the message, which has the figures for people, and the fields that
/// the probe adds.
pub fn text() {
    tracing_subscriber::fmt().event_format(Short).init();
}

struct Short;

impl<S, N> FormatEvent<S, N> for Short
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if *metadata.level() != Level::INFO {
            write!(writer, "{}: ", metadata.level())?;
        }
        if metadata.target().starts_with("memprobe") {
            let mut line = Line::default();
            event.record(&mut line);
            writer.write_str(&line.text)?;
        } else {
            context.format_fields(writer.by_ref(), event)?;
        }
        writeln!(writer)
    }
}

#[derive(Default)]
struct Line {
    text: String,
    /// Past `label`, where the probe's own fields stand.
    own: bool,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.text.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "label" => self.own = true,
            "call_id" | "uptime_us" => self.own = false,
            name if self.own => {
                // Writing into a string cannot fail.
                let _ = write!(self.text, ", {name} {value:?}");
            }
            _ => {}
        }
    }
}
