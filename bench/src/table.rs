//! A table, for a terminal or in Markdown.

use std::fmt::Write as _;

pub struct Table {
    title: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &'static str, head: &[&str]) -> Table {
        Table { title, rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn text(&self, markdown: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        let _ = if markdown {
            writeln!(text, "### {}\n", self.title)
        } else {
            writeln!(text, "{}", self.title)
        };
        for (n, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| row.get(column).map_or("", String::as_str);
            let cells: Vec<String> = (0..columns)
                .map(|column| match column {
                    0 => format!("{:<1$}", cell(column), widths[column]),
                    _ => format!("{:>1$}", cell(column), widths[column]),
                })
                .collect();
            if markdown {
                let _ = writeln!(text, "| {} |", cells.join(" | "));
                if n == 0 {
                    let rule = |column| if column == 0 { "---" } else { "--:" };
                    let rules: Vec<&str> = (0..columns).map(rule).collect();
                    let _ = writeln!(text, "|{}|", rules.join("|"));
                }
            } else {
                let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
            }
        }
        text
    }
}
