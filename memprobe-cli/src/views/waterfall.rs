//! One call as bars: what it held at the start of each segment, and how high it went.

use std::io::{self, Write};
use std::time::Duration;

use memprobe::__builder::{HumanBytes, HumanDuration, SignedBytes, keep_start, short};

use crate::input::Source;
use crate::model::CallRow;
use crate::parse::time;
use crate::views::place;

/// Width of a bar, in characters.
const BAR: usize = 40;
/// Most characters of a segment's name.
const NAME: usize = 30;

/// Writes a call.
///
/// # Errors
///
/// Those of the writer.
pub fn call(call: &CallRow, sources: &[Source], out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "  {}, call {}: peak {}",
        short(call.function),
        call.call_id,
        HumanBytes(call.peak)
    )?;
    // What a call holds that never ended is not yet what it keeps.
    let (kept, after) = match call.outcome {
        Some(_) => ("kept", " after"),
        None => ("held", ", had run for"),
    };
    write!(out, ", {kept} {}, {}", SignedBytes(call.net), call.ended())?;
    if let Some(micros) = call.duration_us {
        write!(out, "{after} {}", HumanDuration(Duration::from_micros(micros)))?;
    }
    if let Some(at) = call.at {
        write!(out, " at {}", time::show(at))?;
    }
    if !call.why.is_empty() {
        write!(out, ", written because it was {}", call.why)?;
    }
    writeln!(out, "  {}", place(call.place, sources))?;
    let top = call.segments.iter().map(|segment| segment.level).max().unwrap_or(0).max(1);
    let cells = |bytes: u64| (bytes as f64 / top as f64 * BAR as f64).round() as usize;
    for segment in &call.segments {
        let name = keep_start(&format!("{} -> {}", segment.from, segment.label), NAME);
        // What it held before, and what the segment needed on top of that.
        let before = cells(segment.held.saturating_sub(segment.net).max(0) as u64).min(BAR);
        let level = cells(segment.level).clamp(before, BAR);
        let bar = format!("{}{}", "·".repeat(before), "█".repeat(level - before));
        let shown = HumanBytes(segment.level).to_string();
        let own = segment.own.as_deref().unwrap_or("");
        let line = format!("    {name:NAME$} {shown:>11}  {bar:BAR$}  {own}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        for char in ["a", "é", "\u{fffd}", "\u{1f980}"] {
            for count in NAME - 3..NAME + 3 {
                let name = char.repeat(count);
                let shown = keep_start(&name, NAME);
                let expected =
                    if count > NAME { format!("{}..", char.repeat(NAME - 2)) } else { name };
                assert_eq!(shown, expected);
            }
        }
    }
}
