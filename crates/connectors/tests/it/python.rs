//! The other side of the boundary, scripted.

use arrow::array::{Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema};
use arrow::error::ArrowError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use windvane_connectors::Context;
use windvane_connectors::python_callbacks::{PythonCallbacks, Relation, Stream, Texts, Wanted};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;

/// What the callable that is given rows says in the end.
#[derive(Debug, Clone, Default)]
pub(crate) enum Says {
    /// Nothing, after it has read all.
    #[default]
    Nothing,
    Took(u64),
    /// It reads so many batches and returns.
    Leaves(usize),
    Raises,
}

/// What it has seen of the rows.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rows: u64,
    pub(crate) words: serde_json::Value,
    /// The stream came to its end, and not to an error.
    pub(crate) ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Scripted {
    /// Each batch: first columns `id` and `name`; nothing breaks the stream off.
    pub(crate) batches: Vec<Option<Vec<(i64, &'static str)>>>,
    /// What a hook knows, by the name of its table or its query.
    pub(crate) columns: BTreeMap<String, Schema>,
    pub(crate) texts: Vec<Vec<Option<&'static str>>>,
    pub(crate) says: Says,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) wanted: Mutex<Vec<(String, Wanted)>>,
}

impl Scripted {
    pub(crate) fn context(self) -> (Arc<Self>, Context) {
        let python = Arc::new(self);
        let context = Context { python: Some(Arc::clone(&python) as Arc<dyn PythonCallbacks>), ..Context::default() };
        (python, context)
    }

    fn asked(&self, name: &str, wanted: &Wanted) {
        self.wanted.lock().unwrap().push((name.to_owned(), wanted.clone()));
    }
}

fn named(relation: &Relation) -> String {
    relation.table.clone().or(relation.query.clone()).unwrap()
}

pub(crate) fn batch(rows: &[(i64, &str)]) -> RecordBatch {
    let ids = Int64Array::from_iter_values(rows.iter().map(|(id, _)| *id));
    let names = StringArray::from_iter_values(rows.iter().map(|(_, name)| *name));
    RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("name", Arc::new(names) as _)]).unwrap()
}

impl PythonCallbacks for Scripted {
    fn open(&self, object: &str, wanted: &Wanted) -> Result<Stream> {
        self.asked(object, wanted);
        let fields = [("id", ArrowType::Int64), ("name", ArrowType::Utf8)];
        let fields: Vec<ArrowField> = fields.into_iter().map(|(name, of)| ArrowField::new(name, of, true)).collect();
        let broken = || ArrowError::ExternalError("the lake is dry".into());
        let all: Vec<_> =
            self.batches.iter().map(|rows| rows.as_ref().map(|rows| batch(rows)).ok_or_else(broken)).collect();
        Ok(Box::new(RecordBatchIterator::new(all, Arc::new(ArrowSchema::new(fields)))))
    }

    fn columns(&self, relation: &Relation) -> Result<Schema> {
        self.columns.get(&named(relation)).cloned().ok_or_else(|| Error::missing("no such table"))
    }

    fn rows(&self, relation: &Relation, wanted: &Wanted) -> Result<Texts> {
        self.asked(&named(relation), wanted);
        let row = |row: &Vec<Option<&str>>| row.iter().map(|text| text.map(str::to_owned)).collect();
        Ok(Box::new(vec![Ok(self.texts.iter().map(row).collect())].into_iter()))
    }

    fn give(&self, _: &str, rows: Stream, words: &str) -> Result<Option<u64>> {
        let most = if let Says::Leaves(most) = self.says { most } else { usize::MAX };
        let mut seen = self.seen.lock().unwrap();
        seen.words = serde_json::from_str(words).unwrap();
        let mut rows = rows.take(most);
        loop {
            match rows.next() {
                Some(Ok(batch)) => seen.rows += batch.num_rows() as u64,
                // As Python code would, with the words that it was given.
                Some(Err(error)) => return Err(Error::data("the callable raised").caused_by(&error)),
                None => break,
            }
        }
        seen.ended = true;
        match self.says {
            Says::Nothing | Says::Leaves(_) => Ok(None),
            Says::Took(rows) => Ok(Some(rows)),
            Says::Raises => Err(Error::data("the callable raised")),
        }
    }
}
