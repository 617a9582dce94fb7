//! All minimal unique column combinations and functional dependencies of a table of numbers.
//!
//! Candidates are refuted by pairs of rows, as in HyFD (Papenbrock, Naumann: A Hybrid Approach to Functional Dependency
//! Discovery, SIGMOD 2016) and HyUCC (BTW 2017): the columns in which two rows agree determine none in which they differ. The
//! candidates that no pair met so far refutes are kept as an antichain; each is then held against all rows, the small ones
//! first, and a pair that refutes it refutes others as well. What is left holds in all rows, and is minimal because each smaller set was
//! refuted by a pair. A combination is unique where it determines the row itself.

use super::Table;
use ahash::{AHashMap as HashMap, AHashSet as HashSet};

/// A set of columns, a bit each.
type Columns = u128;
/// Columns that a set can hold.
const MOST_COLUMNS: usize = 127;
/// What a search may cost at the most, in steps: some seconds. Keys alone are looked for where a plan is waited for.
const WORK: u64 = 400_000_000;
const KEYS_WORK: u64 = 200_000_000;
/// Of one row that a candidate is held against, and of one pair.
const ROW_WORK: u64 = 12;
/// Candidates that may wait at a time, of all columns together.
const CANDIDATES: usize = 200_000;
/// Pairs that are compared before the first candidate is tried.
const PAIRS: usize = 200_000;

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Minimal sets of columns that determine a column.
    pub functional: Vec<(Vec<usize>, usize)>,
    /// Minimal sets of columns in which no two rows agree.
    pub unique: Vec<Vec<usize>>,
    /// Whether all of them were found: the work was within its limit and no column was left out.
    pub finished: bool,
}

/// One column, or the row, whose determinants are searched.
struct Target {
    /// The column's position; the number of columns for the row.
    of: usize,
    waiting: Vec<Columns>,
    proven: Vec<Columns>,
}

struct Search<'a> {
    columns: Vec<&'a [u32]>,
    /// The bits that a value's number takes in a key.
    widths: Vec<u32>,
    /// The rows whose value in a column another row has too: no others can agree there.
    repeated: Vec<Vec<usize>>,
    rows: usize,
    targets: Vec<Target>,
    refuted: HashSet<Columns>,
    work: u64,
}

/// Searches among the columns that `among` names (all of them hold what is found); null is a value and equals null.
/// `functional`: whether dependencies are wanted too, or unique combinations alone.
pub fn search(table: &Table, among: &[usize], functional: bool) -> Found {
    let chosen = &among[..among.len().min(MOST_COLUMNS)];
    let columns: Vec<&[u32]> = chosen.iter().map(|&index| table.columns[index].as_slice()).collect();
    let values: Vec<u32> = chosen.iter().map(|&index| table.values[index]).collect();
    let widths = values.iter().map(|values| u32::BITS - values.leading_zeros()).collect();
    let row = columns.len();
    let targets = (if functional { 0 } else { row }..=row)
        .map(|of| Target { of, waiting: vec![0], proven: Vec::new() })
        .collect();
    let repeated = columns.iter().zip(&values).map(|(column, values)| repeated(column, *values as usize)).collect();
    let mut search = Search {
        columns,
        widths,
        repeated,
        rows: table.rows,
        targets,
        refuted: HashSet::new(),
        work: if functional { WORK } else { KEYS_WORK },
    };
    let finished = search.run() && chosen.len() == among.len();
    let named = |set: Columns| chosen.iter().enumerate().filter(move |(bit, _)| set >> bit & 1 == 1).map(|(_, at)| *at);
    let mut found = Found { finished, ..Found::default() };
    for target in &mut search.targets {
        // The columns that come first, first.
        target.proven.sort_by_key(|set| (set.count_ones(), std::cmp::Reverse(set.reverse_bits())));
        for &set in &target.proven {
            if target.of == row {
                found.unique.push(named(set).collect());
            } else {
                found.functional.push((named(set).collect(), chosen[target.of]));
            }
        }
    }
    found
}

impl Search<'_> {
    /// Whether the search came to its end.
    fn run(&mut self) -> bool {
        let pairs = self.sampled();
        if !self.learn(pairs) {
            return false;
        }
        loop {
            let sizes = self.targets.iter().flat_map(|target| &target.waiting).map(|set| set.count_ones());
            let Some(size) = sizes.min() else { return true };
            let mut level: HashMap<Columns, Vec<usize>> = HashMap::new();
            for (at, target) in self.targets.iter().enumerate() {
                for set in target.waiting.iter().filter(|set| set.count_ones() == size) {
                    level.entry(*set).or_default().push(at);
                }
            }
            // In an order that does not depend on the map.
            let mut level: Vec<_> = level.into_iter().collect();
            level.sort_unstable();
            let mut pairs = HashSet::new();
            let mut proven: Vec<Vec<Columns>> = vec![Vec::new(); self.targets.len()];
            for (set, mut targets) in level {
                // A pair that refuted another candidate of this level may have refuted this one.
                targets.retain(|&at| !pairs.iter().any(|&agree| self.refutes(agree, set, at)));
                self.work = self.work.saturating_sub(pairs.len() as u64);
                if targets.is_empty() {
                    continue;
                }
                for at in self.held_against_rows(set, targets, &mut pairs) {
                    proven[at].push(set);
                }
                if self.work == 0 {
                    break;
                }
            }
            for (target, proven) in self.targets.iter_mut().zip(&mut proven) {
                let known: HashSet<Columns> = proven.iter().copied().collect();
                target.waiting.retain(|set| !known.contains(set));
                target.proven.append(proven);
            }
            if self.work == 0 || !self.learn(pairs) {
                return self.targets.iter().all(|target| target.waiting.is_empty());
            }
        }
    }

    fn refutes(&self, agree: Columns, set: Columns, at: usize) -> bool {
        set & !agree == 0 && agree >> self.targets[at].of & 1 == 0
    }

    /// The columns in which two rows agree.
    fn agree(&self, one: usize, other: usize) -> Columns {
        let bits = self.columns.iter().enumerate();
        bits.fold(0, |set, (bit, column)| set | Columns::from(column[one] == column[other]) << bit)
    }

    /// Looks for pairs that refute much: rows that are neighbours when the rows of a value are sorted by the other columns.
    fn sampled(&mut self) -> HashSet<Columns> {
        let (mut pairs, mut compared) = (HashSet::new(), 0);
        let width = self.columns.len();
        let mut order: Vec<usize> = (0..self.rows).collect();
        for first in 0..width {
            let key = |row: usize| (0..width).map(move |step| (first + step) % width).map(move |at| (at, row));
            let value = |(at, row): (usize, usize)| self.columns[at][row];
            order.sort_unstable_by(|&a, &b| key(a).map(value).cmp(key(b).map(value)).then(a.cmp(&b)));
            for (distance, neighbours) in [(1, order.windows(2)), (2, order.windows(3))] {
                for rows in neighbours {
                    if self.columns[first][rows[0]] == self.columns[first][rows[distance]] {
                        pairs.insert(self.agree(rows[0], rows[distance]));
                        compared += 1;
                    }
                }
            }
            self.work = self.work.saturating_sub(self.rows as u64 * ROW_WORK * 4);
            if compared >= PAIRS {
                break;
            }
        }
        pairs
    }

    /// Holds a candidate against all rows: the targets that it determines. Pairs that refute it for others are added.
    fn held_against_rows(&mut self, set: Columns, targets: Vec<usize>, pairs: &mut HashSet<Columns>) -> Vec<usize> {
        let mut held = targets;
        let members: Vec<usize> = (0..self.columns.len()).filter(|bit| set >> bit & 1 == 1).collect();
        let all: Vec<usize>;
        let rows = if let Some(rows) = members.iter().map(|&at| &self.repeated[at]).min_by_key(|rows| rows.len()) {
            rows
        } else {
            all = (0..self.rows).collect();
            &all
        };
        let fits = members.iter().map(|&at| self.widths[at]).sum::<u32>() <= Columns::BITS;
        let mut first: HashMap<u128, usize> = HashMap::new();
        let mut seen = 0;
        for &row in rows {
            seen += 1;
            let key = members.iter().fold(0, |key: u128, &at| {
                let value = u128::from(self.columns[at][row]);
                if fits { key << self.widths[at] | value } else { mixed(key, value) }
            });
            let earlier = *first.entry(key).or_insert(row);
            if earlier != row {
                let differs = |&at: &usize| {
                    let of = self.targets[at].of;
                    of == self.columns.len() || self.columns[of][row] != self.columns[of][earlier]
                };
                if held.iter().any(differs) {
                    held.retain(|at| !differs(at));
                    pairs.insert(self.agree(earlier, row));
                    if held.is_empty() {
                        break;
                    }
                }
            }
        }
        self.work = self.work.saturating_sub(seen * ROW_WORK);
        held
    }

    /// Takes in what pairs refute; whether the search may go on.
    fn learn(&mut self, pairs: HashSet<Columns>) -> bool {
        let mut pairs: Vec<Columns> = pairs.into_iter().filter(|agree| !self.refuted.contains(agree)).collect();
        pairs.sort_unstable_by_key(|agree| (std::cmp::Reverse(agree.count_ones()), *agree));
        let all = (0..self.columns.len()).fold(0, |set: Columns, bit| set | 1 << bit);
        for agree in pairs {
            self.refuted.insert(agree);
            for target in self.targets.iter_mut().filter(|target| agree >> target.of & 1 == 0) {
                let own = if target.of < self.columns.len() { 1 << target.of } else { 0 };
                self.work = self.work.saturating_sub(target.refute(agree, all & !agree & !own));
            }
            let waiting: usize = self.targets.iter().map(|target| target.waiting.len()).sum();
            if self.work == 0 || waiting > CANDIDATES {
                return false;
            }
        }
        true
    }
}

impl Target {
    /// Replaces each candidate within `agree` by its smallest supersets that are not; `wider` holds the columns that they may
    /// have more. Answers what it cost.
    fn refute(&mut self, agree: Columns, wider: Columns) -> u64 {
        let (refuted, kept): (Vec<_>, Vec<_>) = self.waiting.iter().partition(|set| **set & !agree == 0);
        let mut work = self.waiting.len() as u64;
        if refuted.is_empty() {
            return work;
        }
        self.waiting = kept;
        let before = self.waiting.len();
        let mut rest = wider;
        while rest != 0 {
            let more: Columns = 1 << rest.trailing_zeros();
            rest &= rest - 1;
            // Two of the new ones never contain each other, and none of them lies in one that was kept.
            let rivals = self.waiting[..before].iter().chain(&self.proven).filter(|set| **set & more != 0);
            let rivals: Vec<Columns> = rivals.copied().collect();
            work += (before + self.proven.len() + rivals.len() * refuted.len()) as u64;
            for set in &refuted {
                let new = set | more;
                if !rivals.iter().any(|rival| rival & !new == 0) {
                    self.waiting.push(new);
                }
            }
        }
        work
    }
}

/// Rows whose number occurs more than once.
fn repeated(column: &[u32], values: usize) -> Vec<usize> {
    if values == column.len() {
        return Vec::new();
    }
    let mut counts: HashMap<u32, u32> = HashMap::new();
    for id in column {
        *counts.entry(*id).or_default() += 1;
    }
    (0..column.len()).filter(|&row| counts.get(&column[row]).is_some_and(|count| *count > 1)).collect()
}

/// A key of many wide columns: hashed to 128 bits, of which two are not met.
fn mixed(key: u128, value: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&key.to_le_bytes());
    bytes[16..].copy_from_slice(&value.to_le_bytes());
    twox_hash::XxHash3_128::oneshot(&bytes)
}
