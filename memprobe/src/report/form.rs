//! The forms in which a report is written to a file, chosen by the file's extension.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::report::Report;

/// Writes a report in one form.
pub(crate) type Form = fn(&Report, &mut Vec<u8>) -> io::Result<()>;

/// Why a file has no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoForm {
    /// Its extension is none of those known.
    Ending,
    /// The form needs this feature of memprobe.
    Feature(&'static str),
}

/// Returns the form for a file of this name.
pub(crate) fn form(path: &Path) -> Result<Form, NoForm> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or("").to_ascii_lowercase();
    match &*ending {
        "html" => HTML.ok_or(NoForm::Feature("html")),
        "json" => JSON.ok_or(NoForm::Feature("json")),
        "folded" => Ok(|report, out| report.write_folded(out)),
        _ => Err(NoForm::Ending),
    }
}

/// Writes the report to the file `path`, which stays as it is if the form fails.
pub(crate) fn save(report: &Report, path: &Path, form: Form) -> io::Result<()> {
    let mut written = Vec::new();
    form(report, &mut written)?;
    fs::write(path, written)
}

impl fmt::Display for NoForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoForm::Ending => f.write_str("it does not end in .html, .json or .folded"),
            NoForm::Feature(name) => {
                write!(f, "it needs memprobe's feature `{name}`: add it beside `enabled`")
            }
        }
    }
}

#[cfg(feature = "html")]
const HTML: Option<Form> = Some(|report, out| report.write_html(out));
#[cfg(not(feature = "html"))]
const HTML: Option<Form> = None;

#[cfg(feature = "json")]
const JSON: Option<Form> = Some(|report, out| report.write_json(out));
#[cfg(not(feature = "json"))]
const JSON: Option<Form> = None;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_in_which_form() {
        assert!(form(Path::new("a/b.folded")).is_ok());
        assert!(form(Path::new("B.FOLDED")).is_ok());
        for (path, feature, is_there) in
            [("a.html", "html", cfg!(feature = "html")), ("a.json", "json", cfg!(feature = "json"))]
        {
            let expected = if is_there { None } else { Some(NoForm::Feature(feature)) };
            assert_eq!(form(Path::new(path)).err(), expected);
        }
        for wrong in ["report", "report.txt", ".html", "off.", "on"] {
            assert_eq!(form(Path::new(wrong)).err(), Some(NoForm::Ending), "{wrong}");
        }
    }
}
