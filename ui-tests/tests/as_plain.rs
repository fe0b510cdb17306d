//! Every case is the same with the attribute and without it: status, errors, warnings of all
//! lints, output. Also where a `macro_rules!` writes it, and where memprobe is compiled out.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{env, thread};

use memprobe_ui_tests::case::{Case, cases};
use memprobe_ui_tests::compare::{Differences, LOST, differences};
use memprobe_ui_tests::compiler::{Compiled, Compiler};

/// Valid code that the attribute breaks: `None` if it does, with the error that is documented.
fn no_limit(limit: &str, plain: &Compiled, ours: &Compiled) -> Option<String> {
    let errors = ours.errors();
    let is_limit = plain.compiles && !ours.compiles && errors.lines().any(|line| line == limit);
    (!is_limit).then(|| format!("no longer the limit that it was:\n{errors}"))
}

fn compare(on: &Compiler, off: &Compiler, case: &Case) -> Differences {
    let plain = on.compile(&case.plain(), "plain", true, true);
    let ours = on.compile(case, "on", true, true);
    let mut all = match &case.limit {
        Some(limit) => {
            let found = no_limit(limit, &plain, &ours).into_iter().collect();
            Differences { found, lost: Vec::new() }
        }
        None => differences(case, &plain, &ours),
    };
    if let Some(wrapped) = case.wrapped().filter(|_| all.found.is_empty() && case.limit.is_none()) {
        let plain = on.compile(&wrapped.plain(), "plain", true, false);
        let ours = on.compile(&wrapped, "on", true, false);
        let differ = differences(case, &plain, &ours);
        all.found.extend(differ.found.iter().map(|text| format!("in a macro: {text}")));
    }
    let differ = differences(case, &plain, &off.compile(case, "off", true, true));
    all.found.extend(differ.found.iter().map(|text| format!("compiled out: {text}")));
    all.found.extend(differ.lost.iter().map(|lint| format!("compiled out: lost {lint}")));
    all
}

#[test]
fn cases_are_the_same_with_the_attribute() {
    // One after the other: cargo puts what was asked for in one place.
    let off = Compiler::new(false);
    let on = Compiler::new(true);
    let cases = cases("cases");
    let limits = cases.iter().filter(|case| case.limit.is_some()).count();
    assert!(
        limits <= 4,
        "valid code that stops compiling: two kinds and two orders are documented"
    );
    let next = AtomicUsize::new(0);
    let all = Mutex::new((Vec::new(), BTreeSet::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            let Differences { found, lost } = compare(&on, &off, case);
            let mut all = all.lock().unwrap();
            all.1.extend(lost);
            if !found.is_empty() {
                all.0.push(format!("== {}\n{}\n", case.name, found.join("\n")));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (mut found, lost) = all.into_inner().unwrap();
    found.sort();
    assert!(found.is_empty(), "{} of {} cases\n\n{}", found.len(), cases.len(), found.join("\n"));
    let listed: BTreeSet<String> = LOST.iter().map(|(lint, _)| (*lint).to_owned()).collect();
    assert!(lost == listed || env::var_os("CASE").is_some(), "{lost:?} is what is lost");
}
