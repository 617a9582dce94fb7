//! The rows of a window of an incremental run: those that are its own, those that another run will read, and those that no
//! window can hold.

use arrow::array::{Array, ArrayRef, BooleanArray, Scalar, StringArray};
use arrow::compute::kernels::cmp::gt;
use windvane_connectors::Rejected;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, infer};
use windvane_engine::frame::Frame;

/// What becomes of a row, by its value in one column.
#[derive(Debug, Clone)]
pub struct Cursor {
    pub column: String,
    pub data_type: DataType,
    pub upto: Upto,
    /// Values above this one would end all later windows: refused.
    pub beyond: Option<String>,
    /// Rows without a value are refused, for this reason.
    pub no_value: Option<String>,
}

/// Up to which value rows belong to the window; what is above is the next one's.
#[derive(Debug, Clone)]
pub enum Upto {
    Every,
    /// There was no value yet.
    Nothing,
    Value(String),
}

impl Cursor {
    /// The rows that are this window's, and those that are refused.
    pub(super) fn sift(&self, frame: Frame) -> Result<(Frame, Vec<Rejected>)> {
        let Ok(column) = frame.column(&self.column) else { return Ok((frame, Vec::new())) };
        let above = |limit: &String| self.above(column, limit);
        let beyond = self.beyond.as_ref().map(above).transpose()?;
        let later = if let Upto::Value(limit) = &self.upto { Some(above(limit)?) } else { None };
        let is = |mask: &Option<BooleanArray>, row: usize| {
            mask.as_ref().is_some_and(|mask| mask.is_valid(row) && mask.value(row))
        };
        let mut rejected = Vec::new();
        let mut keep = Vec::with_capacity(frame.len());
        for row in 0..frame.len() {
            let refused = match (&self.no_value, column.is_null(row)) {
                (Some(reason), true) => Some(reason.clone()),
                (None, true) => None,
                (_, false) if is(&beyond, row) => Some(format!(
                    "'{}' lies beyond {}: a run that began there would end all later ones",
                    self.column,
                    self.beyond.as_deref().unwrap_or_default()
                )),
                (_, false) => None,
            };
            let mine = column.is_null(row)
                || match self.upto {
                    Upto::Every => true,
                    Upto::Nothing => false,
                    Upto::Value(_) => !is(&later, row),
                };
            keep.push(refused.is_none() && mine);
            if let Some(reason) = refused {
                rejected.push(frame.reject(row, Some(&self.column), reason));
            }
        }
        if keep.iter().all(|keep| *keep) {
            return Ok((frame, rejected));
        }
        Ok((frame.filter(&BooleanArray::from(keep))?, rejected))
    }

    /// Whether a row that cannot be read is another window's: its value is known, and lies above this one's.
    pub(super) fn is_later(&self, refused: &Rejected) -> bool {
        let Upto::Value(upto) = &self.upto else { return false };
        let known = refused.record.get(&self.column).filter(|_| refused.column.as_ref() != Some(&self.column));
        let Some(value) = known.and_then(|value| value.as_str()) else { return false };
        let (value, wrong) = infer::parse(&StringArray::from(vec![value]), self.data_type);
        let is_above = |limit: &str| self.above(&value, limit).is_ok_and(|above| above.true_count() == 1);
        wrong.is_empty() && is_above(upto) && !self.beyond.as_deref().is_some_and(is_above)
    }

    fn above(&self, column: &ArrayRef, limit: &str) -> Result<BooleanArray> {
        let (limit, wrong) = infer::parse(&StringArray::from(vec![limit]), self.data_type);
        if !wrong.is_empty() {
            return Err(Error::internal(format!("a window of '{}' ends at no value of its type", self.column)));
        }
        gt(column, &Scalar::new(limit))
            .map_err(|error| Error::internal("a window cannot be compared").caused_by(&error))
    }
}
