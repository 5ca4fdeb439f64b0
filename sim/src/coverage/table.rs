//! A table of counts by name.

use core::iter::zip;

/// How often each cell was hit.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: &'static [&'static str],
    columns: &'static [&'static str],
    /// Row by row.
    hits: Vec<u64>,
}

impl Table {
    pub(super) fn new(rows: &'static [&'static str], columns: &'static [&'static str]) -> Table {
        Table {
            rows,
            columns,
            hits: vec![0; rows.len() * columns.len()],
        }
    }

    /// A table of one column.
    pub(super) fn list(rows: &'static [&'static str]) -> Table {
        Table::new(rows, &[""])
    }

    /// # Panics
    /// When there is no such cell.
    pub(super) fn hit(&mut self, row: &str, column: &str) {
        let find = |names: &[&str], name: &str| {
            let at = names.iter().position(|other| *other == name);
            at.unwrap_or_else(|| panic!("no cell for {row}: {column}"))
        };
        let at = find(self.rows, row) * self.columns.len() + find(self.columns, column);
        self.hits[at] += 1;
    }

    pub(super) fn hit_row(&mut self, row: &str) {
        self.hit(row, self.columns[0]);
    }

    /// Its cells: row, column, hits.
    pub(super) fn cells(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let names = self
            .rows
            .iter()
            .flat_map(|row| self.columns.iter().map(move |c| (*row, *c)));
        zip(names, &self.hits).map(|((row, column), hits)| (row, column, *hits))
    }

    /// Adds a table of the same names.
    pub(super) fn add(&mut self, other: &Table) {
        zip(&mut self.hits, &other.hits).for_each(|(to, from)| *to += from);
    }
}
