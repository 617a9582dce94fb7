//! All figures of one column, gathered in one pass.

use super::cells::{Cell, Cells};
use super::dates::{self, Dates};
use super::disguise::Disguise;
use super::distinct::{Distinct, shown};
use super::feature;
use super::figures::ColumnProfile;
use super::numbers::Numbers;
use super::semantic::Semantics;
use super::shapes::Shapes;
use super::suspects;
use crate::feature::Evidence;
use windvane_core::schema::{DataType, Field};

pub(super) struct Column {
    field: Field,
    rows: u64,
    nulls: u64,
    distinct: Distinct,
    numbers: Numbers,
    shapes: Shapes,
    semantics: Semantics,
    dates: Dates,
    sampled: feature::Sampled,
    disguise: Disguise,
    min: Option<Bound>,
    max: Option<Bound>,
}

/// A smallest or largest value so far.
enum Bound {
    Ordinal(i128),
    Float(f64),
    Text(Box<str>),
    Binary(Box<[u8]>),
}

impl Column {
    pub(super) fn new(field: Field, unique_limit: usize) -> Self {
        Self {
            field,
            rows: 0,
            nulls: 0,
            distinct: Distinct::new(unique_limit),
            numbers: Numbers::default(),
            shapes: Shapes::default(),
            semantics: Semantics::default(),
            dates: Dates::default(),
            sampled: feature::Sampled::default(),
            disguise: Disguise::default(),
            min: None,
            max: None,
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        self.field.data_type
    }

    /// Takes in a batch; `numbers` are the source row numbers.
    pub(super) fn observe(&mut self, cells: &Cells<'_>, numbers: &[u64]) {
        for (index, row) in numbers.iter().enumerate() {
            self.rows += 1;
            match cells.get(index) {
                None => {
                    self.nulls += 1;
                    self.sampled.missing();
                }
                Some(cell) => self.observe_cell(cell, *row),
            }
        }
    }

    fn observe_cell(&mut self, cell: Cell<'_>, row: u64) {
        let data_type = self.field.data_type;
        if self.distinct.observe(cell, data_type) {
            let text = cell.text(data_type);
            self.semantics.observe(&text);
            self.sampled.observe(&text);
            if let Cell::Text(text) = cell {
                self.dates.observe(text);
                self.disguise.observe(text);
            }
        }
        if let Some(number) = cell.number(data_type) {
            self.numbers.observe(number, row);
        }
        if let Cell::Text(text) = cell {
            self.shapes.observe(text, row);
        }
        if matches!(cell, Cell::Float(value) if value.is_nan()) {
            return;
        }
        if self.min.as_ref().is_none_or(|min| min.compare(cell) == std::cmp::Ordering::Greater) {
            self.min = Some(Bound::of(cell));
        }
        if self.max.as_ref().is_none_or(|max| max.compare(cell) == std::cmp::Ordering::Less) {
            self.max = Some(Bound::of(cell));
        }
    }

    /// `table` is what the dataset is called: `name` is a person's among employees.
    pub(super) fn finish(self, table: &str) -> ColumnProfile {
        let data_type = self.field.data_type;
        let (distinct, distinct_exact) = self.distinct.count();
        let sorted = self.numbers.sorted();
        let numeric = is_numeric(data_type);
        let judged = self.semantics.judge(&self.field.name, table, data_type);
        let spelling = self.dates.spelling(data_type);
        let written = judged.is_none() && data_type == DataType::Text;
        let dates = self.dates.formats().filter(|_| written);
        let open = self.dates.open().filter(|_| written);
        let numbers = written && dates.is_none() && open.is_none();
        let pii = judged.as_ref().is_some_and(|judged| judged.pii);
        let (semantic_type, semantic_confidence) = match (judged, &dates) {
            (Some(judged), _) => (Some(judged.name.to_owned()), judged.confidence),
            (None, Some((formats, share))) => {
                (Some(format!("{}_text", formats.first().map_or("date", |format| dates::kind(format)))), *share)
            }
            (None, None) => match &open {
                Some(([day_first, _], share)) => (Some(format!("{}_text", dates::kind(day_first))), *share),
                None => (None, 0.0),
            },
        };
        let bound = |bound: &Option<Bound>| bound.as_ref().and_then(|bound| bound.text(data_type).parse().ok());
        let evidence = self.sampled.evidence(Evidence {
            name: self.field.name.clone(),
            total: self.rows,
            nulls: self.nulls,
            distinct,
            mean: self.numbers.mean().filter(|_| numeric),
            std: self.numbers.std().filter(|_| numeric),
            min: bound(&self.min).filter(|_| numeric),
            max: bound(&self.max).filter(|_| numeric),
            ..Evidence::default()
        });
        let (feature_type, feature_confidence) = feature::judge(&evidence, data_type);
        ColumnProfile {
            feature_type: feature_type.to_owned(),
            feature_confidence,
            semantic_type,
            semantic_confidence,
            pii,
            nulls: self.nulls,
            distinct,
            distinct_exact,
            min: self.min.map(|bound| bound.text(data_type)),
            max: self.max.map(|bound| bound.text(data_type)),
            mean: self.numbers.mean().filter(|_| numeric),
            std: self.numbers.std().filter(|_| numeric),
            quantiles: if numeric { Numbers::quantiles(&sorted) } else { std::collections::BTreeMap::new() },
            top: self.distinct.top(),
            histogram: self.numbers.histogram(&sorted),
            lengths: self.shapes.lengths(),
            patterns: self.shapes.patterns(),
            suspects: suspects::gather(
                self.shapes.suspects(),
                if numeric { self.numbers.outliers(&sorted) } else { Vec::new() },
            ),
            date_formats: dates
                .map(|(formats, _)| formats.into_iter().map(str::to_owned).collect())
                .unwrap_or_default(),
            date_orders: open.map(|(pair, _)| pair.into_iter().map(str::to_owned).collect()).unwrap_or_default(),
            number_format: if numbers { self.disguise.format() } else { None },
            spelling,
            name: self.field.name,
            data_type,
        }
    }
}

impl Bound {
    fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Ordinal(value) => Self::Ordinal(value),
            Cell::Float(value) => Self::Float(value),
            Cell::Text(value) => Self::Text(value.into()),
            Cell::Binary(value) => Self::Binary(value.into()),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Ordinal(value) => Cell::Ordinal(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Text(value) => Cell::Text(value),
            Self::Binary(value) => Cell::Binary(value),
        }
    }

    /// Texts compare by their bytes, as the databases' C collation does.
    fn compare(&self, other: Cell<'_>) -> std::cmp::Ordering {
        match (self.cell(), other) {
            (Cell::Ordinal(mine), Cell::Ordinal(other)) => mine.cmp(&other),
            (Cell::Float(mine), Cell::Float(other)) => mine.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal),
            (Cell::Text(mine), Cell::Text(other)) => mine.cmp(other),
            (Cell::Binary(mine), Cell::Binary(other)) => mine.cmp(other),
            // A column has one type.
            (Cell::Ordinal(_) | Cell::Float(_) | Cell::Text(_) | Cell::Binary(_), _) => std::cmp::Ordering::Equal,
        }
    }

    fn text(&self, data_type: DataType) -> String {
        shown(&self.cell().text(data_type))
    }
}

pub fn is_numeric(data_type: DataType) -> bool {
    match data_type {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. } => true,
        DataType::Boolean
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => false,
    }
}
