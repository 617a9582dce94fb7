//! Records to rows: a column's value is found in a record by the column's name.

use super::body;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use windvane_connect::{BATCH_ROWS, Batch};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_files::{Members, RowBuilder, text_of};

/// The column of an item's place in its list, from 1; of the lists around it `_position_1`, `_position_2`.
pub(super) const POSITION: &str = "_position";
const PARENT: &str = "_parent_";

type Cell<'a> = Option<Cow<'a, str>>;

/// The column of an item's table that holds a key column of the record it is in.
pub(super) fn parent_name(key: &str) -> String {
    format!("{PARENT}{key}")
}

/// Finds the cells of some columns in an object.
struct Finder {
    places: HashMap<String, usize>,
    types: Vec<DataType>,
    /// The names of objects that columns lie in.
    prefixes: HashSet<String>,
}

impl Finder {
    fn new(columns: impl Iterator<Item = (String, DataType)>) -> Self {
        let (names, types): (Vec<String>, Vec<DataType>) = columns.unzip();
        let cuts = names.iter().flat_map(|name| name.match_indices('_').map(|(at, _)| name[..at].to_owned()));
        let prefixes = cuts.collect();
        Self { prefixes, places: names.into_iter().enumerate().map(|(at, name)| (name, at)).collect(), types }
    }

    fn cells<'a>(&self, object: &'a str) -> Result<Vec<Cell<'a>>, serde_json::Error> {
        let mut found = vec![(usize::MAX, None); self.types.len()];
        self.look(object, "", 0, &mut found)?;
        Ok(found.into_iter().map(|(_, cell)| cell).collect())
    }

    /// A column that lies less deep wins over one of the same name further in.
    fn look<'a>(
        &self,
        object: &'a str,
        before: &str,
        depth: usize,
        found: &mut [(usize, Cell<'a>)],
    ) -> Result<(), serde_json::Error> {
        let Members(members) = serde_json::from_str::<Members<'a>>(object)?;
        for (member, value) in members {
            let name = if before.is_empty() { member } else { format!("{before}_{member}") };
            if let Some(at) = self.places.get(&name).copied() {
                if let Some((slot, to)) = found.get_mut(at).zip(self.types.get(at))
                    && depth <= slot.0
                {
                    if depth == slot.0 {
                        return Err(serde::de::Error::custom(format!("the key '{name}' is there twice")));
                    }
                    *slot = (depth, text_of(value, *to)?);
                }
            } else if body::is_object(value) && self.prefixes.contains(&name) {
                self.look(value.get(), &name, depth + 1, found)?;
            }
        }
        Ok(())
    }
}

/// Where a wanted column comes from.
enum Origin {
    Item(usize),
    Parent(usize),
    /// The place in the list of this level, counted from the outside; nothing: the innermost.
    Position(Option<usize>),
}

/// The rows of one table of a resource.
pub(super) struct Rows {
    path: Vec<String>,
    origins: Vec<Origin>,
    item: Finder,
    parent: Finder,
    keys: Vec<String>,
    builder: RowBuilder,
    row: u64,
}

impl Rows {
    /// `path` leads to the list whose items are the rows; empty: the records are.
    pub(super) fn new(schema: &Schema, path: Vec<String>, capacity: usize) -> Self {
        let (mut items, mut parents): (Vec<&Field>, Vec<&Field>) = (Vec::new(), Vec::new());
        let origin = |field| match position(field).filter(|_| !path.is_empty()) {
            Some(origin) => origin,
            None if !path.is_empty() && field.name.starts_with(PARENT) => {
                parents.push(field);
                Origin::Parent(parents.len() - 1)
            }
            None => {
                items.push(field);
                Origin::Item(items.len() - 1)
            }
        };
        let origins = schema.fields.iter().map(origin).collect();
        let keys: Vec<String> = parents.iter().map(|field| field.name[PARENT.len()..].to_owned()).collect();
        let types = parents.iter().map(|field| field.data_type);
        Self {
            origins,
            item: Finder::new(items.iter().map(|field| (field.name.clone(), field.data_type))),
            parent: Finder::new(keys.iter().cloned().zip(types)),
            keys,
            path,
            builder: RowBuilder::new(schema, &[], capacity.clamp(1, BATCH_ROWS)),
            row: 0,
        }
    }

    /// Adds the rows of a page; batches that are full go to `ready`.
    pub(super) fn add(&mut self, records: &[&RawValue], ready: &mut Vec<Batch>) -> Result<()> {
        for record in records {
            if self.path.is_empty() {
                self.push(record, &[], &[]);
            } else if body::is_object(record) {
                let parent = self.parent.cells(record.get()).unwrap_or_default();
                let mut items = Vec::new();
                inside(record, &self.path, &mut Vec::new(), &mut items)?;
                for (positions, item) in items {
                    self.push(item, &parent, &positions);
                }
            } else {
                self.row += 1;
                self.builder.reject(self.row, "not a JSON object", shortened(record.get()).as_bytes());
            }
            if self.builder.is_full() {
                ready.push(self.builder.finish()?);
            }
        }
        Ok(())
    }

    /// The last rows.
    pub(super) fn rest(&mut self) -> Result<Option<Batch>> {
        if self.builder.is_empty() { Ok(None) } else { self.builder.finish().map(Some) }
    }

    fn push(&mut self, item: &RawValue, parent: &[Cell<'_>], positions: &[u64]) {
        self.row += 1;
        let lacking = self.keys.iter().zip(parent).find(|(_, cell)| cell.is_none());
        if let Some((key, _)) = lacking {
            let reason = format!("the record around it has no value of its key '{key}'");
            self.builder.reject(self.row, reason, shortened(item.get()).as_bytes());
            return;
        }
        let cells = match self.item.cells(item.get()) {
            Ok(cells) => cells,
            Err(error) => {
                let reason = format!("not a JSON object: {error}");
                self.builder.reject(self.row, reason, shortened(item.get()).as_bytes());
                return;
            }
        };
        for origin in &self.origins {
            let number;
            let text = match origin {
                Origin::Item(at) => cells.get(*at).and_then(Option::as_deref),
                Origin::Parent(at) => parent.get(*at).and_then(Option::as_deref),
                Origin::Position(level) => {
                    let level = level.unwrap_or(positions.len()).checked_sub(1);
                    number = level.and_then(|level| positions.get(level)).map(ToString::to_string);
                    number.as_deref()
                }
            };
            self.builder.push(text, true);
        }
        self.builder.end_row(self.row);
    }
}

/// `_position` or `_position_<level>`.
fn position(field: &Field) -> Option<Origin> {
    match field.name.strip_prefix(POSITION)? {
        "" => Some(Origin::Position(None)),
        level => Some(Origin::Position(Some(level.strip_prefix('_')?.parse().ok()?))),
    }
}

/// The items of the lists at a path, each with its place in every list on the way.
fn inside<'a>(
    value: &'a RawValue,
    path: &[String],
    positions: &mut Vec<u64>,
    found: &mut Vec<(Vec<u64>, &'a RawValue)>,
) -> Result<()> {
    let Some((name, rest)) = path.split_first() else {
        found.push((positions.clone(), value));
        return Ok(());
    };
    let Some(inner) = (if body::is_object(value) { body::member(value, name)? } else { None }) else { return Ok(()) };
    match inner.get().as_bytes().first() {
        Some(b'[') => {
            for (place, item) in (1..).zip(body::items(inner)?) {
                positions.push(place);
                inside(item, rest, positions, found)?;
                positions.pop();
            }
            Ok(())
        }
        Some(b'{') if !rest.is_empty() => inside(inner, rest, positions, found),
        Some(b'n') | None => Ok(()),
        // One item that the API did not put into a list.
        Some(_) => {
            positions.push(1);
            inside(inner, rest, positions, found)?;
            positions.pop();
            Ok(())
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(2_000).collect()
}
