//! Holds the two copies against each other, and says what came of it.

use std::collections::BTreeSet;

use crate::annotate::Functions;
use crate::copy::Copies;
use crate::crates::{CRATES, Crate};
use crate::run::{Build, Diagnostic, Side, Tests};

/// One crate.
pub struct Row {
    name: String,
    /// In files that were compiled.
    functions: Functions,
    plain: Side,
    annotated: Side,
    pub differences: Vec<String>,
}

impl Row {
    pub fn new(krate: &Crate) -> Row {
        Row {
            name: format!("{} {}", krate.name, krate.version),
            functions: Functions::default(),
            plain: Side::default(),
            annotated: Side::default(),
            differences: Vec::new(),
        }
    }

    /// Compares, and keeps what came out of the copies.
    pub fn compare(&mut self, copies: &Copies, plain: Side, annotated: Side) {
        for file in &copies.files {
            if annotated.build.sources.contains(&file.file) {
                self.functions.add(&file.functions);
            }
        }
        if self.functions.annotated() == 0 {
            self.differences.push("no annotated function was compiled".to_owned());
        }
        if annotated.build.compiles {
            self.compare_diagnostics(&plain.build, &annotated.build);
            self.compare_tests(&plain.tests, &annotated.tests);
        } else {
            self.differences.push(format!("does not compile: {}", annotated.build.first_error()));
            for error in annotated.build.diagnostics.keys().filter(|given| given.is_error) {
                self.differences.push(error.to_string());
            }
        }
        self.plain = plain;
        self.annotated = annotated;
    }

    fn compare_diagnostics(&mut self, plain: &Build, annotated: &Build) {
        let all: BTreeSet<&Diagnostic> =
            plain.diagnostics.keys().chain(annotated.diagnostics.keys()).collect();
        for diagnostic in all {
            let times = |build: &Build| build.diagnostics.get(diagnostic).copied().unwrap_or(0);
            let (without, with) = (times(plain), times(annotated));
            if without != with {
                self.differences
                    .push(format!("given {with} times instead of {without}: {diagnostic}"));
            }
        }
    }

    fn compare_tests(&mut self, plain: &Tests, annotated: &Tests) {
        if plain.success != annotated.success {
            self.differences.push(format!(
                "cargo test {} as published and {} annotated; see the logs",
                if plain.success { "succeeds" } else { "fails" },
                if annotated.success { "succeeds" } else { "fails" },
            ));
        }
        let all: BTreeSet<_> = plain.results.keys().chain(annotated.results.keys()).collect();
        for test in all {
            let result = |tests: &Tests| tests.results.get(test).cloned();
            let (without, with) = (result(plain), result(annotated));
            if without != with {
                let show = |result: Option<String>| result.unwrap_or_else(|| "not run".to_owned());
                self.differences.push(format!(
                    "{}, {}: {} as published, {} annotated",
                    test.0,
                    test.1,
                    show(without),
                    show(with)
                ));
            }
        }
        if plain.passed() == 0 {
            self.differences.push("no test passed as published".to_owned());
        }
    }
}

pub fn print_table(rows: &[Row]) {
    println!();
    println!(
        "{:<24} {:>9} {:>6} {:>6} {:>7} {:>15} {:>13} {:>13}  verdict",
        "crate", "annotated", "async", "const", "macros", "warnings", "tests passed", "seconds"
    );
    let mut total = Functions::default();
    let pair = |plain: String, annotated: String| format!("{plain} / {annotated}");
    for row in rows {
        let Row { functions, plain, annotated, .. } = row;
        total.add(functions);
        println!(
            "{:<24} {:>9} {:>6} {:>6} {:>7} {:>15} {:>13} {:>13}  {}",
            row.name,
            functions.annotated(),
            functions.asynchronous,
            functions.constant,
            functions.in_macros,
            pair(plain.build.warnings().to_string(), annotated.build.warnings().to_string()),
            pair(plain.tests.passed().to_string(), annotated.tests.passed().to_string()),
            pair(format!("{:.1}", plain.tests.seconds), format!("{:.1}", annotated.tests.seconds)),
            if row.differences.is_empty() { "same" } else { "DIFFERENT" }
        );
    }
    println!(
        "{:<24} {:>9} {:>6} {:>6} {:>7}",
        format!("{} crates", rows.len()),
        total.annotated(),
        total.asynchronous,
        total.constant,
        total.in_macros
    );
    println!(
        "\nPairs are as published / annotated. Not annotated: `const fn`, and what stands in macros."
    );
}

/// `--list`
pub fn print_list() {
    for krate in CRATES {
        println!("{} {} {}", krate.name, krate.version, krate.features.join(" "));
        for (what, why) in krate.without.iter().chain(krate.skip) {
            println!("    without {what}: {why}");
        }
        if let Some(why) = krate.no_allocator {
            println!("    with its own allocator: {why}");
        }
    }
}
