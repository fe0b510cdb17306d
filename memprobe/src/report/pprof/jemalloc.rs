//! jemalloc's own heap profiles, from `heap_v2` to pprof.

use std::io::{self, BufRead, Write};

use crate::report::pprof::builder::{Amount, Builder};

/// Writes jemalloc's profile as a gzipped one of pprof, with `tags` on each sample.
///
/// # Errors
///
/// Returns an error if it is no profile of jemalloc's, or cannot be read or written.
pub(crate) fn of_jemalloc(
    profile: impl BufRead,
    writer: impl Write,
    tags: &[(&str, &str)],
) -> io::Result<()> {
    let mut lines = profile.lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let interval = first.strip_prefix("heap_v2/").and_then(|bytes| bytes.parse().ok());
    let interval: u64 = interval.ok_or_else(|| invalid(&first))?;
    let mut builder = Builder::new(interval);
    let mut stack = Vec::new();
    for line in lines {
        let line = line?;
        // The libraries follow.
        if line.starts_with("MAPPED_LIBRARIES:") {
            break;
        }
        if let Some(addresses) = line.strip_prefix('@') {
            stack = addresses
                .split_ascii_whitespace()
                .map(address)
                .collect::<Option<_>>()
                .ok_or_else(|| invalid(&line))?;
        } else if let Some(sums) = line.trim_start().strip_prefix("t*:") {
            // The first are the sums of all threads over all stacks.
            if !stack.is_empty() {
                let sampled = sampled(sums).ok_or_else(|| invalid(&line))?;
                let locations = builder.locations(&std::mem::take(&mut stack));
                builder.add(locations, estimate(sampled, interval), tags);
            }
        }
    }
    builder.write(writer)
}

fn invalid(line: &str) -> io::Error {
    let line: String = line.chars().take(80).collect();
    io::Error::new(io::ErrorKind::InvalidData, format!("no line of a heap profile: {line:?}"))
}

fn address(text: &str) -> Option<usize> {
    usize::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Reads ` objects: bytes [objects: bytes]`, of which the second pair is for profiles over time.
fn sampled(text: &str) -> Option<Amount> {
    let (objects, rest) = text.split_once(':')?;
    let bytes = rest.split_ascii_whitespace().next()?;
    Some(Amount { objects: objects.trim().parse().ok()?, bytes: bytes.parse().ok()? })
}

/// Estimates how much is live from what was sampled of it: a block of `s` bytes is sampled with the
/// probability 1 − e^(−s / interval). This is what `jeprof` does too, with the mean size.
fn estimate(sampled: Amount, interval: u64) -> Amount {
    if sampled.objects == 0 || interval == 0 {
        return sampled;
    }
    let mean = sampled.bytes as f64 / sampled.objects as f64;
    let probability = -(-mean / interval as f64).exp_m1();
    let scaled = |sampled: u64| (sampled as f64 / probability).round() as u64;
    Amount { objects: scaled(sampled.objects), bytes: scaled(sampled.bytes) }
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::*;
    use crate::report::pprof::proto::Profile;

    fn convert(text: &str) -> io::Result<Profile> {
        let mut file = Vec::new();
        of_jemalloc(text.as_bytes(), &mut file, &[("label", "read")])?;
        let mut message = Vec::new();
        io::Read::read_to_end(&mut GzDecoder::new(&file[..]), &mut message)?;
        Ok(Profile::decode(&message[..]).expect("a profile"))
    }

    const HEAP: &str = "\
heap_v2/524288
  t*: 3: 2097152 [0: 0]
  t0: 3: 2097152 [0: 0]
@ 0x10 0x20 0x30
  t*: 2: 1048576 [0: 0]
  t0: 2: 1048576 [0: 0]
@ 0x20 0x30
  t*: 1: 1048576 [0: 0]

MAPPED_LIBRARIES:
@ 0x40
  t*: 9: 9 [0: 0]
";

    #[test]
    fn stacks_become_samples_with_tags() {
        let profile = convert(HEAP).expect("a profile");
        let text = |at: i64| profile.string_table[at as usize].as_str();
        let types = profile.sample_type.iter().map(|kind| (text(kind.kind), text(kind.unit)));
        assert_eq!(
            types.collect::<Vec<_>>(),
            [("inuse_objects", "count"), ("inuse_space", "bytes")]
        );
        assert_eq!((text(profile.default_sample_type), profile.period), ("inuse_space", 524_288));
        assert_eq!(text(0), "");
        let [one, other] = &profile.sample[..] else { panic!("{:?}", profile.sample) };
        assert_eq!((one.location_id.len(), other.location_id.len()), (3, 2));
        assert_eq!(one.location_id[1..], other.location_id, "each address is one location");
        let addresses: Vec<_> = profile.location.iter().map(|location| location.address).collect();
        assert_eq!(addresses, [0x10, 0x20, 0x30]);
        // Two of 512 KiB, which are sampled in 63 of 100 cases; one of 1 MiB, in 86 of 100.
        assert_eq!(one.value, [3, 1_658_823]);
        assert_eq!(other.value, [1, 1_212_697]);
        let tags = |label: &crate::report::pprof::proto::Label| (text(label.key), text(label.text));
        for sample in &profile.sample {
            assert_eq!(sample.label.iter().map(tags).collect::<Vec<_>>(), [("label", "read")]);
        }
    }

    #[test]
    fn what_is_no_profile_is_an_error_with_the_line() {
        let why = |text: &str| convert(text).expect_err("no profile").to_string();
        assert_eq!(why(""), "no line of a heap profile: \"\"");
        assert_eq!(why("heap_v2/many\n"), "no line of a heap profile: \"heap_v2/many\"");
        assert_eq!(why("heap_v2/1\n@ 0x1 17\n"), "no line of a heap profile: \"@ 0x1 17\"");
        assert_eq!(
            why("heap_v2/1\n@ 0x1\n t*: x: 1\n"),
            "no line of a heap profile: \" t*: x: 1\""
        );
        assert!(convert("heap_v2/1\n").expect("an empty one").sample.is_empty());
    }
}
