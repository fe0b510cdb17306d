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
    /// Those of the system.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        })
    }

    /// Returns the name that the rotated files of one log have in common: `app.log` of
    /// `app.log.2.gz` and `app.log-20261125`.
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
        match stem.rsplit_once(['.', '-']) {
            Some((stem, date))
                if date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                (stem.into(), (i64::MIN, date.into()))
            }
            _ => (stem.into(), (0, String::new())),
        }
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
}
