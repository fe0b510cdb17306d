//! The files of the command line, in the order in which they were written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::names::intern;

/// A file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: Option<PathBuf>,
}

impl Source {
    /// Returns the source of an argument: `-` is standard input.
    pub fn of(path: &Path) -> Source {
        Source { path: (path != Path::new("-")).then(|| path.to_owned()) }
    }

    /// Returns the name for messages.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or("standard input".into(), |path| path.display().to_string())
    }

    /// Returns its size in bytes, if that is known.
    pub fn size(&self) -> Option<u64> {
        let file = std::fs::metadata(self.path.as_ref()?).ok()?;
        file.is_file().then_some(file.len())
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// Those of the system, and that it is a directory.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.path {
            Some(path) if path.is_dir() => {
                let files = path.join("*");
                let why = format!("it is a directory; name its files, as in {}", files.display());
                return Err(io::Error::new(io::ErrorKind::IsADirectory, why));
            }
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        })
    }

    /// Returns the name that the rotated files of one log have in common: `app.log` of
    /// `app.log.2.gz`, `app.log-20261125` and `app.log.2026-11-25`.
    pub fn log(&self) -> &'static str {
        intern(&self.parts().0)
    }

    /// Returns the common name, and what puts the files of one log in order: the older first.
    fn parts(&self) -> (String, (i64, String)) {
        let name = self.name();
        let mut stem = name.as_str();
        for ending in [".gz", ".zst", ".zstd"] {
            stem = stem.strip_suffix(ending).unwrap_or(stem);
        }
        // The file without a number is the newest, and a higher number is older. A date tells
        // itself.
        let number = |digits: &str| digits.parse::<i64>().ok().filter(|_| digits.len() < 6);
        if let Some((stem, digits)) = stem.rsplit_once('.')
            && let Some(number) = number(digits)
        {
            return (stem.into(), (-number, String::new()));
        }
        let mut parts =
            stem.match_indices(['.', '-']).map(|(at, _)| (&stem[..at], &stem[at + 1..]));
        match parts.find(|(_, date)| is_date(date)) {
            Some((stem, date)) => (stem.into(), (i64::MIN, date.into())),
            None => (stem.into(), (0, String::new())),
        }
    }
}

/// Whether it is a date as rotated files have it: `20261125` and longer by logrotate,
/// `20261125-140000` by Kubernetes, `2026-11-25`, `2026-11-25-14` and `2026-11-25-14-05` by
/// tracing-appender.
fn is_date(text: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    text.split('-').all(is_number)
        && match lengths[..] {
            [date] => date >= 8,
            [date, time] => date == 8 && time >= 4,
            [year, month, day, ref time @ ..] => {
                (year, month, day) == (4, 2, 2) && time.len() <= 2 && time.iter().all(|&it| it == 2)
            }
            [] => false,
        }
}

/// Puts the files of a rotated log in order, the older first, and leaves others where they are.
pub fn in_order(sources: Vec<Source>) -> Vec<Source> {
    let mut logs: Vec<(String, Vec<Source>)> = Vec::new();
    for source in sources {
        let log = source.parts().0;
        match logs.iter_mut().find(|(other, _)| *other == log) {
            Some((_, files)) => files.push(source),
            None => logs.push((log, vec![source])),
        }
    }
    for (_, files) in &mut logs {
        files.sort_by_key(|file| file.parts().1);
    }
    logs.into_iter().flat_map(|(_, files)| files).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_rotated_log_come_in_their_order() {
        let names =
            ["app.log", "b.log", "app.log.1", "app.log.10.gz", "app.log.2.gz", "app.log-20261124"];
        let sources = names.map(|name| Source::of(Path::new(name)));
        let ordered: Vec<String> = in_order(sources.to_vec()).iter().map(Source::name).collect();
        let expected =
            ["app.log-20261124", "app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log", "b.log"];
        assert_eq!(ordered, expected);
        assert_eq!(Source::of(Path::new("app.log.2.gz")).log(), "app.log");
        assert_eq!(Source::of(Path::new("-")).name(), "standard input");
    }

    #[test]
    fn files_with_a_date_in_their_names_come_in_its_order() {
        for (log, oldest_first) in [
            ("app.log", ["app.log-2026112413", "app.log-2026112414.gz", "app.log"]),
            ("app.log", ["app.log.2026-11-24", "app.log.2026-11-25", "app.log.2026-12-01"]),
            ("a-1", ["a-1.2026-11-25-09", "a-1.2026-11-25-14", "a-1.2026-11-26-00"]),
            ("app", ["app.2026-11-25-14-05", "app.2026-11-25-14-06", "app.2026-11-25-15-00"]),
            ("/p/0.log", ["/p/0.log.20261125-090000.gz", "/p/0.log.20261125-140000", "/p/0.log"]),
        ] {
            let sources = oldest_first.map(|name| Source::of(Path::new(name)));
            assert!(sources.iter().all(|source| source.log() == log), "{sources:?}");
            for order in [[2, 1, 0], [1, 2, 0]] {
                let mixed = order.map(|at| sources[at].clone());
                assert_eq!(in_order(mixed.to_vec()), sources);
            }
        }
        for other in ["worker-3", "app-2026", "a-123-4567", "a-2026-11", "a-2026-11-25-1"] {
            assert_eq!(Source::of(Path::new(other)).log(), other);
        }
    }

    #[test]
    fn of_a_directory_it_is_told_what_to_do() {
        let error = Source::of(Path::new("src")).open().err().expect("an error");
        assert_eq!(error.to_string(), "it is a directory; name its files, as in src/*");
    }
}
