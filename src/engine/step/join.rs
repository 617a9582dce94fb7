//! Join: columns of another dataset by key. Rows are never multiplied: a key that is there twice on the other side is
//! an error, because then no count of rows could be trusted. Null keys match nothing.

use crate::engine::convert;
use crate::engine::expression::common_type;
use crate::engine::frame::Frame;
use crate::engine::step::{Outcome, position, unique};
use crate::engine::{broken, nearest, no_column};
use crate::error::{Error, Result};
use crate::schema::{DataType, Field, Schema};
use crate::spec::step::{Join as Step, JoinKind};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::take;
use arrow::row::{RowConverter, SortField};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone)]
pub(super) struct Join {
    with: String,
    how: JoinKind,
    /// Position on the left, name on the right, the type in which they compare.
    keys: Vec<(usize, String, DataType)>,
    /// Names on the right.
    taken: Vec<String>,
}

/// The other side, by key.
pub(super) struct Index {
    converter: RowConverter,
    rows: HashMap<Box<[u8]>, u32>,
    columns: Vec<ArrayRef>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index of {} keys", self.rows.len())
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
    let suffix = step.suffix.as_deref().unwrap_or("_right");
    for name in &taken {
        let field = other_field(name, &other, &step.with).map_err(|error| error.at_path("take"))?;
        let exists = schema.field(name).is_some();
        let name = if exists { format!("{name}{suffix}") } else { name.clone() };
        let nullable = field.nullable || step.how == JoinKind::Left;
        after.fields.push(Field { name, nullable, ..field.clone() });
    }
    unique(after.names()).map_err(|error| error.hint("Give the join another suffix, or take fewer columns"))?;
    Ok((Join { with: step.with.clone(), how: step.how, keys, taken }, after))
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
    pub(super) fn index(&self, others: &BTreeMap<String, Frame>) -> Result<Index> {
        let other = others.get(&self.with).ok_or_else(|| {
            Error::missing(format!("the dataset '{}' was not given", self.with)).hint("Extract it first")
        })?;
        let fields =
            self.keys.iter().map(|(_, _, common)| SortField::new(crate::schema::arrow::type_to_arrow(*common)));
        let converter = RowConverter::new(fields.collect()).map_err(|error| broken(&error))?;
        let mut arrays = Vec::new();
        for (_, name, common) in &self.keys {
            let field = other.schema.field(name).ok_or_else(|| no_column(name, &other.schema))?;
            arrays.push(convert::convert(other.column(name)?, field.data_type, *common)?.0);
        }
        let keys = converter.convert_columns(&arrays).map_err(|error| broken(&error))?;
        let mut rows: HashMap<Box<[u8]>, u32> = HashMap::with_capacity(other.len());
        for row in 0..other.len() {
            if arrays.iter().any(|array| array.is_null(row)) {
                continue;
            }
            let position = u32::try_from(row).map_err(|_| {
                Error::unsupported(format!("'{}' has more than 4 billion rows to join to", self.with))
                    .hint("Filter or aggregate it before the join")
            })?;
            if rows.insert(keys.row(row).data().into(), position).is_some() {
                return Err(self.twice(other, row));
            }
        }
        let columns = self.taken.iter().map(|name| other.column(name).cloned()).collect::<Result<_>>()?;
        Ok(Index { converter, rows, columns })
    }

    fn twice(&self, other: &Frame, row: usize) -> Error {
        let shown = self.keys.iter().map(|(_, name, _)| {
            let field = other.schema.field(name);
            let text = field.and_then(|field| convert::text_at(other.column(name).ok()?, field.data_type, row));
            format!("{name} = {}", text.unwrap_or_default())
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        Error::data(format!("'{}' has more than one row with {shown}, so the join would multiply rows", self.with))
            .in_table(&self.with)
            .in_row(other.number(row))
            .hint(format!(
                "Make the key unique: load '{}' with a deduplicate step first, or join on more columns",
                self.with
            ))
    }

    pub(super) fn run(&self, other: &Index, schema: &Schema, frame: &Frame, outcome: &mut Outcome) -> Result<Frame> {
        let mut arrays = Vec::new();
        for (index, _, common) in &self.keys {
            let (Some(array), Some(field)) = (frame.rows.columns().get(*index), frame.schema.fields.get(*index)) else {
                return Err(Error::internal("a join outlived its key"));
            };
            arrays.push(convert::convert(array, field.data_type, *common)?.0);
        }
        let keys = other.converter.convert_columns(&arrays).map_err(|error| broken(&error))?;
        let matches: UInt32Array = (0..frame.len())
            .map(|row| {
                let known = arrays.iter().all(|array| array.is_valid(row));
                if known { other.rows.get(keys.row(row).data()).copied() } else { None }
            })
            .collect();
        let mut columns = frame.rows.columns().to_vec();
        for column in &other.columns {
            columns.push(take(column, &matches, None).map_err(|error| broken(&error))?);
        }
        let joined = Frame::new(schema.clone(), columns, frame.numbers.clone())?;
        if self.how == JoinKind::Left {
            return Ok(joined);
        }
        outcome.filtered += matches.null_count() as u64;
        let found: BooleanArray = (0..frame.len()).map(|row| Some(matches.is_valid(row))).collect();
        joined.filter(&found)
    }
}
