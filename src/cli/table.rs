//! Tables for people: aligned columns, two spaces apart, no lines.

use super::failure::Failure;
use super::output::{Output, bold, plain};

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// One more row. An empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| if cell.is_empty() { "-".into() } else { plain(&cell).into() };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// Whether it has no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it, or a sentence on stderr if there is no row.
    pub(super) fn write(&self, output: &mut Output<'_>, if_empty: &str) -> Result<(), Failure> {
        if self.rows.is_empty() {
            output.note(if_empty);
            return Ok(());
        }
        let headings: Vec<String> = self.headings.iter().map(|&h| h.to_owned()).collect();
        let widths: Vec<usize> = (0..headings.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&headings]).filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let head = bold(&aligned(&headings, &widths), output.bold_out).into_owned();
        writeln!(output.out, "{head}")?;
        for row in &self.rows {
            writeln!(output.out, "{}", aligned(row, &widths))?;
        }
        Ok(())
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Names and what they stand for, one a line.
pub(super) fn facts(output: &mut Output<'_>, facts: &[(&str, String)]) -> Result<(), Failure> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(output.out, "{name:<width$}  {}", plain(text))?;
    }
    Ok(())
}
