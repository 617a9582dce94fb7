//! JSON lines, and JSON files that are one array of objects: columns and rows.
//!
//! Cells keep the digits they are written with: numbers go from their text to the wanted type without a float between.

use super::decode;
use super::described::Described;
use super::json_texts::{Line, Texts};
use super::members::{Members, Seen, text_of};
use super::rows::RowBuilder;
use super::tokens::shortened;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use windvane_connect::Batch;
use windvane_connect::disk::failure;
use windvane_connect::sampled_columns::{SampledColumns, unsampled};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, Schema, name_match};

/// Puts objects into the columns of a builder.
pub struct Objects {
    places: HashMap<String, usize>,
    types: Vec<DataType>,
    shown: SampledColumns,
    /// The first member that holds a value and was not shown.
    stranger: Option<String>,
}

impl Objects {
    pub fn new(schema: &Schema) -> Self {
        Self {
            places: schema.names().enumerate().map(|(at, name)| (name.to_owned(), at)).collect(),
            types: schema.fields.iter().map(|field| field.data_type).collect(),
            shown: SampledColumns::new(schema.names(), false),
            stranger: None,
        }
    }

    /// One row, or its rejection.
    pub fn push(&mut self, line: &str, row: u64, builder: &mut RowBuilder) {
        match self.cells(line) {
            Ok(cells) => {
                for cell in &cells {
                    builder.push(cell.as_deref(), true);
                }
                builder.end_row(row);
            }
            Err(error) => builder.reject(row, format!("not a JSON object: {error}"), &shortened(line.as_bytes())),
        }
    }

    fn cells<'a>(&mut self, line: &'a str) -> Result<Vec<Option<Cow<'a, str>>>, serde_json::Error> {
        let Members(members) = serde_json::from_str::<Members<'a>>(line)?;
        let mut cells = vec![None; self.types.len()];
        let strange = |name: &String| !self.places.contains_key(name) && !self.shown.names.contains(name);
        let mut called = Vec::new();
        if members.iter().any(|(name, _)| strange(name)) {
            let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
            called = name_match::matched(&names, &self.shown.names).into_iter().map(str::to_owned).collect();
        }
        let mut called = called.into_iter();
        for (name, raw) in members {
            let name = called.next().unwrap_or(name);
            let place = self.places.get(&name).copied();
            if let Some((slot, to)) = place.and_then(|at| cells.get_mut(at).zip(self.types.get(at))) {
                // Which of two values is meant nobody knows.
                if slot.replace(text_of(raw, *to)?).is_some() {
                    return Err(serde::de::Error::custom(format!("the key '{name}' is there twice")));
                }
            } else if self.shown.lacks(&name) && raw.get() != "null" {
                self.stranger.get_or_insert(name);
            }
        }
        Ok(cells.into_iter().map(Option::flatten).collect())
    }
}

/// The columns and their types, as far as a sample of this many rows shows.
pub(super) fn describe(path: &Path, sample: u64) -> Result<Described> {
    let mut texts = Texts::open(path)?;
    let mut columns: Vec<(String, Seen)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rows = 0;
    let mut bytes = 0;
    let mut whole = false;
    while rows < sample {
        rows += 1;
        let line = match texts.next().map_err(|error| failure(path, "read", &error))? {
            Line::End => {
                (whole, rows) = (true, rows - 1);
                break;
            }
            Line::Broken(..) => continue,
            Line::Object(line) => line,
        };
        bytes += line.len() as u64;
        let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(&line) else { continue };
        for (name, raw) in members {
            let at = *places.entry(name).or_insert_with_key(|name| {
                columns.push((name.clone(), Seen::default()));
                columns.len() - 1
            });
            if let Some((_, seen)) = columns.get_mut(at) {
                seen.observe(raw);
            }
        }
    }
    let fields = columns.into_iter().map(|(name, seen)| {
        let (data_type, native) = seen.data_type();
        Field { native_type: Some(native.to_owned()), ..Field::new(name, data_type) }
    });
    let fields = Schema::new(fields.collect());
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    let total = match &texts {
        _ if whole => Some(rows),
        Texts::Array(rest) => Some(rows + rest.len() as u64),
        Texts::Lines(_) if decode::is_compressed(path) || bytes == 0 => None,
        Texts::Lines(_) => u64::try_from(u128::from(size) * u128::from(rows) / u128::from(bytes)).ok(),
    };
    Ok(Described { fields, rows: total, exact: whole || matches!(texts, Texts::Array(_)) })
}

/// The rows of one file.
pub(super) struct JsonRows {
    path: PathBuf,
    texts: Texts,
    objects: Objects,
    builder: RowBuilder,
    row: u64,
    ended: bool,
}

impl JsonRows {
    pub(super) fn open(
        path: &Path,
        schema: &Schema,
        nulls: &[String],
        capacity: usize,
        shown: &SampledColumns,
    ) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            texts: Texts::open(path)?,
            objects: Objects { shown: shown.clone(), ..Objects::new(schema) },
            builder: RowBuilder::new(schema, nulls, capacity),
            row: 0,
            ended: false,
        })
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        while !self.ended && !self.builder.is_full() {
            match self.texts.next().map_err(|error| failure(&self.path, "read", &error))? {
                Line::End => self.ended = true,
                Line::Broken(reason, raw) => {
                    self.row += 1;
                    self.builder.reject(self.row, reason, &raw);
                }
                Line::Object(line) => {
                    self.row += 1;
                    self.objects.push(&line, self.row, &mut self.builder);
                    if let Some(member) = &self.objects.stranger {
                        return Err(unsampled(member));
                    }
                }
            }
        }
        if self.builder.is_empty() { Ok(None) } else { self.builder.finish().map(Some) }
    }
}

impl Iterator for JsonRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
