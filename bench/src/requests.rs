//! What the layer for `tower` costs a request.

use crate::run::{self, Peer, Results};
use crate::short;
use crate::table::Table;

const REQUESTS: Peer =
    Peer { name: "requests", binary: "requests", feature: "requests", argument: None };

/// Runs the requests so many times.
pub fn table(rounds: u64) -> Table {
    let results = run::run(&[REQUESTS], rounds);
    let mut table = Table::new(
        "ns a request, median (p25 to p75)",
        &["", "without the layer", "with it", "over"],
    );
    for case in [
        "an empty handler, `layer_without_body`",
        "an empty handler",
        "1 KiB",
        "1 KiB by axum's router",
    ] {
        let figures = [Results::plain, Results::with, Results::over];
        let cells =
            figures.map(|of| of(&results, REQUESTS.name, case).map_or(String::new(), short));
        table.row(std::iter::once(case.to_owned()).chain(cells).collect());
    }
    table
}
