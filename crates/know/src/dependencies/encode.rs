//! Rows as small numbers: equal values of a column have equal numbers.

use ahash::AHashMap as HashMap;

/// Cells of a dataset that are held, 4 bytes each and at most some 50 more for a value that is new (60 MB together).
pub(crate) const CELLS: usize = 1_000_000;
/// Rows that are held of a dataset with more cells.
const SAMPLE: usize = 5_000;

/// Takes in the hashes of a dataset's values, column by column.
pub struct Encoder {
    columns: Vec<Encoding>,
    rows: usize,
    cells: usize,
    complete: bool,
}

/// The values of one column, numbered in the order in which they come.
#[derive(Default)]
pub struct Encoding {
    known: HashMap<u128, u32>,
    null: Option<u32>,
    values: u32,
    ids: Vec<u32>,
}

/// What was held: the numbers of each column, row by row.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<Vec<u32>>,
    /// How many different values each column has; null is one.
    pub values: Vec<u32>,
    /// Whether each column has a null.
    pub nulls: Vec<bool>,
    /// The hash of each number of each column (0 for null), where they were asked for.
    pub hashes: Vec<Vec<u128>>,
    pub rows: usize,
    /// Whether all rows that came are here.
    pub complete: bool,
}

impl Encoder {
    pub fn new(columns: usize) -> Self {
        Self::within(columns, CELLS)
    }

    /// One that holds no more than so many cells.
    pub fn within(columns: usize, cells: usize) -> Self {
        Self { columns: (0..columns).map(|_| Encoding::default()).collect(), rows: 0, cells, complete: true }
    }

    /// How many of the next `rows` rows are wanted; the caller then adds these to each of [`Encoder::columns`].
    pub fn wanted(&mut self, rows: usize) -> usize {
        if !self.complete {
            return 0;
        }
        if (self.rows + rows).saturating_mul(self.columns.len()) <= self.cells {
            self.rows += rows;
            return rows;
        }
        self.complete = false;
        let kept = self.rows.min(SAMPLE);
        let more = rows.min(SAMPLE.saturating_sub(self.rows)).min(self.cells / self.columns.len().max(1));
        for column in &mut self.columns {
            column.ids.truncate(kept);
            column.ids.shrink_to_fit();
            if more == 0 {
                column.known = HashMap::new();
            }
        }
        self.rows = kept + more;
        more
    }

    pub fn columns(&mut self) -> impl Iterator<Item = &mut Encoding> {
        self.columns.iter_mut()
    }

    /// The same, with the hashes by which rows are compared with another dataset's.
    pub fn finish_with_hashes(self) -> Table {
        let mut hashes = Vec::new();
        for column in &self.columns {
            let mut of = vec![0; column.values as usize];
            column.known.iter().for_each(|(hash, id)| of[*id as usize] = *hash);
            hashes.push(of);
        }
        Table { hashes, ..self.finish() }
    }

    pub fn finish(self) -> Table {
        let mut table = Table { rows: self.rows, complete: self.complete, ..Table::default() };
        for column in self.columns {
            // A sample has fewer values than were met before it was cut.
            table.values.push(if self.complete { column.values } else { distinct(&column.ids) });
            table.nulls.push(column.null.is_some_and(|null| self.complete || column.ids.contains(&null)));
            table.columns.push(column.ids);
        }
        table
    }
}

impl Encoding {
    /// Adds a value by its hash (128 bits: two values of one hash are not met); nothing for null.
    pub fn push(&mut self, value: Option<u128>) {
        let next = self.values;
        let id = match value {
            Some(hash) => *self.known.entry(hash).or_insert(next),
            None => *self.null.get_or_insert(next),
        };
        self.values += u32::from(id == next);
        self.ids.push(id);
    }
}

fn distinct(ids: &[u32]) -> u32 {
    let seen: ahash::AHashSet<u32> = ids.iter().copied().collect();
    u32::try_from(seen.len()).unwrap_or(u32::MAX)
}
