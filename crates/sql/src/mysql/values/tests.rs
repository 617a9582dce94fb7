//! The ends of what the server holds.

use super::*;
use arrow::array::{Date32Array, Time64MicrosecondArray, TimestampMicrosecondArray};
use std::sync::Arc;

fn taken(array: ArrayRef, data_type: DataType) -> Vec<bool> {
    let field = Field::new("c", data_type);
    let one = |row| match value(&mut MySqlArguments::default(), &array, &field, row) {
        Ok(()) => true,
        Err(error) => {
            assert!(error.message().contains("'c'") && error.hint_text().is_some());
            false
        }
    };
    (0..array.len()).map(one).collect()
}

#[test]
fn moments_outside_of_the_calendar_are_refused_and_not_bent() {
    const DAY: i64 = 86_400_000_000;
    let first = -719_162 * DAY;
    let past = 2_932_897 * DAY;
    let moments = TimestampMicrosecondArray::from(vec![first - 1, first, 0, past - 1, past, i64::MAX, i64::MIN]);
    assert_eq!(taken(Arc::new(moments), DataType::Timestamp), [false, true, true, true, false, false, false]);
    let times = Time64MicrosecondArray::from(vec![-1, 0, DAY - 1, DAY, i64::MAX]);
    assert_eq!(taken(Arc::new(times), DataType::Time), [false, true, true, false, false]);
    let days = Date32Array::from(vec![i32::MIN, 0, i32::MAX]);
    assert_eq!(taken(Arc::new(days), DataType::Date), [false, true, false]);
}

/// As the hint says. chrono counts further, in both directions.
#[test]
fn dates_lie_in_the_years_1_to_9999() {
    let days = Date32Array::from(vec![-719_163, -719_162, 2_932_896, 2_932_897]);
    assert_eq!(taken(Arc::new(days), DataType::Date), [false, true, true, false]);
}
