//! Types of text: which type a column of texts has, and its values in that type.

use crate::schema::DataType;
use arrow::array::{ArrayRef, StringArray};

/// Watches the texts of one column and names the narrowest type that holds them all.
#[derive(Debug, Clone, Default)]
pub struct Inference {}

impl Inference {
    pub fn observe(&mut self, text: Option<&str>) {
        let _ = text;
        todo!()
    }

    /// `text` when nothing but nulls was seen.
    pub fn data_type(&self) -> DataType {
        todo!()
    }

    pub fn nullable(&self) -> bool {
        todo!()
    }
}

/// Texts as values of a type, and the indices of the texts that are not one (null in the array).
pub fn parse(texts: &StringArray, to: DataType) -> (ArrayRef, Vec<usize>) {
    let _ = (texts, to);
    todo!()
}
