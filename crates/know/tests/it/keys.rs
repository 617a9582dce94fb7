//! Which key a person would declare, and what names mean.

use std::collections::BTreeSet;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_know::dependencies::{KeyColumn, rank, words};
use windvane_know::relations::of_names;

fn columns(described: &[(&str, DataType)]) -> Vec<KeyColumn> {
    described.iter().map(|(name, data_type)| KeyColumn { name: (*name).to_owned(), data_type: *data_type }).collect()
}

fn first(table: &str, described: &[(&str, DataType)], unique: &[Vec<usize>]) -> Vec<usize> {
    rank(table, &columns(described), unique, &BTreeSet::new()).remove(0).columns
}

#[test]
fn an_identifier_goes_before_what_happens_to_be_unique() {
    let table = [
        ("title", DataType::Text),
        ("boat_id", DataType::Int32),
        ("built", DataType::Timestamp),
        ("price", DataType::Float64),
    ];
    assert_eq!(first("boats", &table, &[vec![0], vec![1], vec![2], vec![3]]), [1]);
}

#[test]
fn what_a_table_ties_together_is_its_key_although_these_rows_need_less() {
    let table = [("skipper_id", DataType::Int32), ("harbour_id", DataType::Text), ("updated_at", DataType::Timestamp)];
    assert_eq!(first("skipper_harbours", &table, &[vec![1]]), [0, 1]);
    // The one in front too, where the table is called after both.
    assert_eq!(first("skipper_harbours", &table, &[vec![0]]), [0, 1]);
    // An identifier of its own in front needs no other, and behind another's tells that one's parts apart.
    let parts = [("trip_id", DataType::Int32), ("trip_leg_id", DataType::Int32), ("miles", DataType::Float64)];
    assert_eq!(first("trip_legs", &parts, &[vec![1]]), [0, 1]);
    assert_eq!(first("moorings", &[("mooring_id", DataType::Int32), ("boat_id", DataType::Int32)], &[vec![0]]), [0]);
}

#[test]
fn the_key_of_a_history_has_the_day_from_which_it_holds() {
    let table = [
        ("boat_id", DataType::Int32),
        ("harbour_id", DataType::Int32),
        ("start_date", DataType::Date),
        ("end_date", DataType::Date),
    ];
    assert_eq!(first("boat_harbour_history", &table, &[vec![0, 1], vec![0, 2]]), [0, 1, 2]);
}

#[test]
fn names_are_words() {
    let known: BTreeSet<String> = ["country", "code"].map(str::to_owned).into();
    assert_eq!(words::words("BillingCustomerIDs", &known), ["billing", "customer", "id"]);
    assert_eq!(words::words("countrycode", &known), ["country", "code"]);
    assert_eq!(words::words("emp_no", &known), ["employee", "number"]);
    assert_eq!(words::singular("categories"), "category");
    assert_eq!(words::singular("addresses"), "address");
}

#[test]
fn names_alone_tell_what_refers_to_what() {
    let schema = |fields: &[(&str, DataType)]| {
        Schema::new(fields.iter().map(|(name, data_type)| Field::new(*name, *data_type)).collect())
    };
    let id = DataType::Int64;
    let harbours = schema(&[("id", id), ("name", DataType::Text), ("parent_id", id)]);
    let boats = schema(&[("boat_id", id), ("home_harbour_id", id), ("length", id), ("name", DataType::Text)]);
    let datasets = [("harbours".to_owned(), harbours, Vec::new()), ("boats".to_owned(), boats, Vec::new())];
    let found = of_names(&datasets);
    let told: BTreeSet<String> = found
        .foreign_keys
        .iter()
        .map(|key| format!("{}.{} {}.{}", key.dataset, key.columns[0], key.ref_dataset, key.ref_columns[0]))
        .collect();
    assert_eq!(told, ["boats.home_harbour_id harbours.id", "harbours.parent_id harbours.id"].map(str::to_owned).into());
    assert!(found.foreign_keys.iter().all(|key| !key.declared && key.coverage.is_none() && !key.exact));
}
