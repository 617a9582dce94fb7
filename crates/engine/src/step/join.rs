//! Join: columns of another dataset by key. Rows are never multiplied: a key that is there twice on the other side is
//! an error, because then no count of rows could be trusted. Null keys match nothing.
//!
//! The other side is held by key, with no more than the columns that are taken. Where that needs more than the budget,
//! both sides go to the disk by the hash of their key, part is joined to part, and the rows find back to their order.

use super::fields::{position, unique};
use super::flow::{Give, Others};
use super::rows::{Outcome, sequence};
use crate::convert;
use crate::errors::{broken, nearest, no_column};
use crate::expression::common_type;
use crate::frame::Frame;
use crate::key::{Encoder, Table};
use crate::spill::parts::{DEEPEST, Parts, joined};
use crate::spill::{Budget, Chunk, Stored, merge, size};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, new_empty_array};
use arrow::compute::{filter, take};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, arrow::type_to_arrow};
use windvane_core::spec::step::{Join as Step, JoinKind};

#[derive(Debug, Clone)]
pub(super) struct Join {
    with: String,
    how: JoinKind,
    /// Position on the left, name on the right, the type in which they compare.
    keys: Vec<(usize, String, DataType)>,
    /// Names on the right, and their types.
    taken: Vec<String>,
    types: Vec<DataType>,
}

/// The other side.
#[derive(Debug)]
pub(super) enum Index {
    Held(Box<Held>),
    /// By the hash of the key, in files.
    Parts(Vec<Stored>),
}

/// Rows by key, in memory.
pub(super) struct Held {
    encoder: Encoder,
    table: Table,
    /// The taken columns; the table's numbers are their positions.
    columns: Vec<ArrayRef>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.table)
    }
}

pub(super) fn check(step: &Step, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<(Join, Schema)> {
    let other = lookup(&step.with).ok_or_else(|| {
        Error::missing(format!("the dataset '{}' is not among the inputs", step.with))
            .at_path("with")
            .hint("Name a dataset of the source as `windvane discover` lists it")
    })?;
    if step.on.0.is_empty() {
        return Err(Error::spec("a join needs a key").at_path("on").hint("Write on: column, a name on both sides"));
    }
    unique(step.on.0.iter().map(String::as_str))?;
    let mut keys = Vec::new();
    for name in &step.on.0 {
        let index = position(name, schema).map_err(|error| error.at_path("on"))?;
        let right = other_field(name, &other, &step.with).map_err(|error| error.at_path("on"))?;
        let left = schema.fields.get(index).map_or(right.data_type, |field| field.data_type);
        let common = common_type(left, right.data_type).ok_or_else(|| {
            Error::spec(format!("the key '{name}' is {left} here and {} in '{}'", right.data_type, step.with))
                .at_path("on")
                .hint(format!("Cast it before the join: cast: {{{name}: {}}}", right.data_type))
        })?;
        keys.push((index, name.clone(), common));
    }
    let taken: Vec<String> = if step.take.is_empty() {
        other.names().filter(|name| !step.on.0.iter().any(|key| key == name)).map(str::to_owned).collect()
    } else {
        step.take.clone()
    };
    let mut after = schema.clone();
    let mut types = Vec::with_capacity(taken.len());
    let suffix = step.suffix.as_deref().unwrap_or("_right");
    for name in &taken {
        let field = other_field(name, &other, &step.with).map_err(|error| error.at_path("take"))?;
        types.push(field.data_type);
        let exists = schema.field(name).is_some();
        let name = if exists { format!("{name}{suffix}") } else { name.clone() };
        let nullable = field.nullable || step.how == JoinKind::Left;
        after.fields.push(Field { name, nullable, ..field.clone() });
    }
    unique(after.names()).map_err(|error| error.hint("Give the join another suffix, or take fewer columns"))?;
    Ok((Join { with: step.with.clone(), how: step.how, keys, taken, types }, after))
}

fn other_field<'a>(name: &str, other: &'a Schema, dataset: &str) -> Result<&'a Field> {
    other.field(name).ok_or_else(|| {
        let near = nearest(name, other.names()).map(|near| format!("Did you mean '{near}'? ")).unwrap_or_default();
        let listed: Vec<&str> = other.names().take(30).collect();
        Error::spec(format!("column '{name}' does not exist in '{dataset}'"))
            .hint(format!("{near}Columns of '{dataset}': {}", listed.join(", ")))
    })
}

impl Join {
    pub(super) fn with(&self) -> &str {
        &self.with
    }

    /// The columns of the other dataset that are read, by name.
    pub(super) fn reads(&self) -> impl Iterator<Item = &str> {
        self.key_names().chain(self.taken.iter().map(String::as_str))
    }

    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(_, name, _)| name.as_str())
    }

    /// The key columns of the rows.
    pub(super) fn needed(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|(index, _, _)| *index)
    }

    pub(super) fn taken(&self) -> &[String] {
        &self.taken
    }

    pub(super) fn index(&self, others: &dyn Others, budget: &Budget) -> Result<Index> {
        let columns: Vec<String> = self.reads().map(str::to_owned).collect();
        let mut build = Build::new(self, budget, 0)?;
        for frame in others.frames(&self.with, &columns)? {
            let frame = frame?;
            let mut chunk = Vec::new();
            for (_, name, common) in &self.keys {
                let field = frame.schema.field(name).ok_or_else(|| no_column(name, &frame.schema))?;
                chunk.push(convert::convert(frame.column(name)?, field.data_type, *common)?.0);
            }
            for name in &self.taken {
                chunk.push(frame.column(name)?.clone());
            }
            chunk.push(Arc::new(frame.numbers.clone()));
            build.push(self, &with_keys(chunk, self.keys.len())?)?;
        }
        build.finish()
    }

    fn twice(&self, chunk: &[ArrayRef], row: usize) -> Error {
        let shown = self.keys.iter().zip(chunk).map(|((_, name, common), column)| {
            format!("{name} = {}", convert::text_at(column, *common, row).unwrap_or_default())
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        let number =
            chunk.last().and_then(|numbers| u64::try_from(numbers.as_primitive::<Int64Type>().value(row)).ok());
        Error::data(format!("'{}' has more than one row with {shown}, so the join would multiply rows", self.with))
            .in_table(&self.with)
            .in_row(number.unwrap_or(0))
            .hint(format!(
                "Make the key unique: load '{}' with a deduplicate step first, or join on more columns",
                self.with
            ))
    }

    /// The keys of the rows, as they compare with the other side's.
    fn keys(&self, frame: &Frame) -> Result<Vec<ArrayRef>> {
        let key = |(index, _, common): &(usize, String, DataType)| {
            let (Some(array), Some(field)) = (frame.rows.columns().get(*index), frame.schema.fields.get(*index)) else {
                return Err(Error::internal("a join outlived its key"));
            };
            Ok(convert::convert(array, field.data_type, *common)?.0)
        };
        self.keys.iter().map(key).collect()
    }

    pub(super) fn run(&self, other: &Held, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut rows = frame.rows.columns().to_vec();
        rows.push(Arc::new(frame.numbers.clone()));
        let before = frame.len();
        let mut columns = self.attach(other, &self.keys(frame)?, rows, 1)?;
        let numbers = columns.pop().ok_or_else(|| Error::internal("a join lost its row numbers"))?;
        outcome.filtered += (before - numbers.len()) as u64;
        Frame::new(schema.clone(), columns, numbers.as_primitive::<Int64Type>().clone())
    }

    /// The taken columns beside the rows, before their last `tail` columns; an inner join leaves rows out.
    fn attach(&self, other: &Held, keys: &[ArrayRef], mut rows: Chunk, tail: usize) -> Result<Chunk> {
        let count = keys.first().map_or(0, Array::len);
        let keys = other.encoder.encode(keys)?;
        let mut matches = other.table.find_all(&keys, count);
        if self.how == JoinKind::Inner && matches.null_count() > 0 {
            let found = matches.nulls().map(|nulls| BooleanArray::new(nulls.inner().clone(), None));
            let found = found.unwrap_or_else(|| BooleanArray::from(vec![true; count]));
            for column in &mut rows {
                *column = filter(column, &found).map_err(|error| broken(&error))?;
            }
            matches = matches.iter().flatten().map(Some).collect();
        }
        let tail = rows.split_off(rows.len() - tail);
        for column in &other.columns {
            rows.push(take(column, &matches, None).map_err(|error| broken(&error))?);
        }
        rows.extend(tail);
        Ok(rows)
    }
}

/// Rows without a null in the first `keys` columns.
fn with_keys(chunk: Chunk, keys: usize) -> Result<Chunk> {
    let mut known: Option<arrow::buffer::NullBuffer> = None;
    for column in chunk.iter().take(keys) {
        known = arrow::buffer::NullBuffer::union(known.as_ref(), column.nulls());
    }
    let Some(known) = known.filter(|known| known.null_count() > 0) else { return Ok(chunk) };
    let mask = BooleanArray::new(known.inner().clone(), None);
    chunk.iter().map(|column| filter(column, &mask).map_err(|error| broken(&error))).collect()
}

/// The other side while it is read: keys, taken columns, row numbers.
struct Build {
    budget: Budget,
    level: u32,
    encoder: Encoder,
    table: Table,
    chunks: Vec<Chunk>,
    keys: usize,
    /// The taken columns of no rows.
    none: Chunk,
    bytes: usize,
    parts: Option<Parts>,
}

impl Build {
    fn new(join: &Join, budget: &Budget, level: u32) -> Result<Self> {
        let types: Vec<_> = join.keys.iter().map(|(_, _, common)| type_to_arrow(*common)).collect();
        Ok(Self {
            budget: budget.clone(),
            level,
            encoder: Encoder::new(&types)?,
            table: Table::default(),
            chunks: Vec::new(),
            keys: types.len(),
            none: join.types.iter().map(|data_type| new_empty_array(&type_to_arrow(*data_type))).collect(),
            bytes: 0,
            parts: None,
        })
    }

    fn push(&mut self, join: &Join, chunk: &Chunk) -> Result<()> {
        let rows = chunk.first().map_or(0, Array::len);
        let keys = self.encoder.encode(chunk.get(..self.keys).unwrap_or_default())?;
        let all = 0..u32::try_from(rows).map_err(|_| Error::internal("a frame has more than 4 billion rows"))?;
        if let Some(parts) = &mut self.parts {
            return parts.push(chunk, &keys, all);
        }
        if let Some(row) = self.table.add(&keys, rows)? {
            return Err(join.twice(chunk, row));
        }
        self.bytes += size(chunk);
        self.chunks.push(chunk.clone());
        // The chunks become one at the end, which needs them twice.
        if self.bytes * 2 + self.table.size() <= self.budget.bytes() || self.level >= DEEPEST {
            return Ok(());
        }
        let mut parts = Parts::new(&self.budget, self.level)?;
        self.table = Table::default();
        for chunk in std::mem::take(&mut self.chunks) {
            let keys = self.encoder.encode(chunk.get(..self.keys).unwrap_or_default())?;
            let rows = chunk.first().map_or(0, Array::len);
            let all = 0..u32::try_from(rows).map_err(|_| Error::internal("a frame has more than 4 billion rows"))?;
            parts.push(&chunk, &keys, all)?;
        }
        self.parts = Some(parts);
        Ok(())
    }

    fn finish(self) -> Result<Index> {
        if let Some(parts) = self.parts {
            return parts.finish().map(Index::Parts);
        }
        let kept = self.chunks.into_iter().map(|mut chunk| {
            chunk.pop();
            chunk.split_off(self.keys)
        });
        let kept: Vec<Chunk> = kept.collect();
        let columns = if kept.is_empty() { self.none } else { joined(&kept)? };
        Ok(Index::Held(Box::new(Held { encoder: self.encoder, table: self.table, columns })))
    }
}

/// A join whose other side is on the disk.
pub(super) struct Joining {
    join: Join,
    schema: Schema,
    budget: Budget,
    level: u32,
    other: Vec<Stored>,
    encoder: Encoder,
    rows: Parts,
    count: u64,
}

impl std::fmt::Debug for Joining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Joining {} rows", self.count)
    }
}

impl Joining {
    pub(super) fn new(join: &Join, schema: &Schema, other: Vec<Stored>, budget: &Budget, level: u32) -> Result<Self> {
        let types: Vec<_> = join.keys.iter().map(|(_, _, common)| type_to_arrow(*common)).collect();
        Ok(Self {
            join: join.clone(),
            schema: schema.clone(),
            budget: budget.clone(),
            level,
            other,
            encoder: Encoder::new(&types)?,
            rows: Parts::new(budget, level)?,
            count: 0,
        })
    }

    pub(super) fn push(&mut self, frame: &Frame) -> Result<()> {
        let mut chunk = self.join.keys(frame)?;
        chunk.extend(frame.rows.columns().iter().cloned());
        chunk.push(Arc::new(frame.numbers.clone()));
        chunk.push(Arc::new(sequence(self.count, frame.len())));
        self.count += frame.len() as u64;
        self.absorb(&chunk)
    }

    fn absorb(&mut self, chunk: &[ArrayRef]) -> Result<()> {
        let keys = self.encoder.encode(chunk.get(..self.join.keys.len()).unwrap_or_default())?;
        let rows = chunk.first().map_or(0, Array::len);
        let all = 0..u32::try_from(rows).map_err(|_| Error::internal("a frame has more than 4 billion rows"))?;
        self.rows.push(chunk, &keys, all)
    }

    pub(super) fn finish(self, outcome: &mut Outcome, give: &mut Give<'_>) -> Result<()> {
        let (schema, count) = (self.schema.clone(), self.count);
        let mut made = 0;
        self.join(&mut |mut columns| {
            columns.pop();
            let numbers = columns.pop().ok_or_else(|| Error::internal("joined rows lost their numbers"))?;
            let numbers: Int64Array = numbers.as_primitive::<Int64Type>().clone();
            made += numbers.len() as u64;
            give(Frame::new(schema.clone(), columns, numbers)?)
        })?;
        outcome.filtered += count - made;
        Ok(())
    }

    /// Gives the joined rows in their order: columns, row numbers, sequence.
    fn join(self, give: &mut dyn FnMut(Chunk) -> Result<()>) -> Result<()> {
        let Self { join, schema, budget, level, other, rows, .. } = self;
        let mut done = Vec::new();
        for (other, rows) in other.into_iter().zip(rows.finish()?) {
            let mut file = budget.file()?;
            let mut build = Build::new(&join, &budget, level + 1)?;
            for chunk in other.read()? {
                build.push(&join, &chunk?)?;
            }
            match build.finish()? {
                Index::Held(held) => {
                    for chunk in rows.read()? {
                        let mut keys = chunk?;
                        let rest = keys.split_off(join.keys.len());
                        file.write(&join.attach(&held, &keys, rest, 2)?)?;
                    }
                }
                Index::Parts(parts) => {
                    let mut inner = Self::new(&join, &schema, parts, &budget, level + 1)?;
                    for chunk in rows.read()? {
                        inner.absorb(&chunk?)?;
                    }
                    inner.join(&mut |chunk| file.write(&chunk))?;
                }
            }
            done.push(file.finish()?);
        }
        merge::merge(done, &merge::by_last, &budget, give)
    }
}
