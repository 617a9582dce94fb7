//! What polars would save on frames in memory: the work of a profile's samples, by it and by the engine's own steps.
//!
//! `cargo run --release -p windvane-frames --example against_engine`: medians of seven turns in milliseconds, in turns.

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use polars::prelude::{DataFrame, DataFrameJoinOps, SortMultipleOptions};
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_core::spec::step::Step;
use windvane_engine::frame::Frame;
use windvane_engine::step::{Outcome, Program, Runner};

const TURNS: usize = 7;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Lines of orders: a few flags, many keys, amounts and a text that hardly repeats.
fn sample(rows: i64) -> Done<(Schema, RecordBatch)> {
    let spread = |row: i64, range: i64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rem_euclid(range);
    let columns: Vec<ArrayRef> = vec![
        Arc::new((0..rows).map(|row| Some(spread(row, rows / 4))).collect::<Int64Array>()),
        Arc::new((0..rows).map(|row| Some(["A", "N", "R"][spread(row, 3) as usize])).collect::<StringArray>()),
        Arc::new((0..rows).map(|row| Some(spread(row, 2_000))).collect::<Int64Array>()),
        Arc::new((0..rows).map(|row| Some(spread(row, 9_000_000) as f64 / 100.0)).collect::<Float64Array>()),
        Arc::new(
            (0..rows)
                .map(|row| Some(format!("carefully final deposits {}", spread(row, rows))))
                .collect::<StringArray>(),
        ),
    ];
    let types = [DataType::Int64, DataType::Text, DataType::Int64, DataType::Float64, DataType::Text];
    let names = ["order", "flag", "part", "price", "note"];
    let fields = names.iter().zip(types).map(|(name, data_type)| Field::new(*name, data_type)).collect();
    let batch = RecordBatch::try_from_iter(names.into_iter().zip(columns))?;
    Ok((Schema::new(fields), batch))
}

/// One row for each part.
fn parts(frame: &Frame) -> Done<Frame> {
    let steps: Vec<Step> =
        serde_json::from_str(r#"[{"deduplicate": {"on": ["part"]}}, {"select": ["part", "flag"]}]"#)?;
    let runner = Runner::new(Program::new(&steps, &frame.schema, &|_| None)?, &BTreeMap::new())?;
    Ok(runner.run(0..runner.program().len(), frame.clone(), &mut Outcome::default())?)
}

fn milliseconds(work: &mut dyn FnMut() -> Done) -> Done<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn compare(name: &str, ours: &mut dyn FnMut() -> Done, theirs: &mut dyn FnMut() -> Done) -> Done {
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        taken[0].push(milliseconds(ours)?);
        taken[1].push(milliseconds(theirs)?);
    }
    let [ours, theirs] = taken.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[TURNS / 2]
    });
    println!("{name:<44} engine {ours:8.1}  polars {theirs:8.1}  ratio {:5.2}", ours / theirs);
    Ok(())
}

fn main() -> Done {
    for rows in [20_000, 1_000_000] {
        let (schema, batch) = sample(rows)?;
        let frame = Frame::new(schema.clone(), batch.columns().to_vec(), (1..=rows).collect::<Vec<_>>().into())?;
        let others = BTreeMap::from([("parts".to_owned(), parts(&frame)?)]);
        let polars = windvane_frames::to_polars(&schema, &batch)?;
        let dimension = polars
            .unique_stable(Some(&["part".to_owned()]), polars::prelude::UniqueKeepStrategy::First, None)?
            .select(["part", "flag"])?;
        println!("{rows} rows");
        let steps = |text: &str| -> Done<Vec<Step>> { Ok(serde_json::from_str(text)?) };
        let run = |steps: &[Step]| -> Done {
            let lookup = |name: &str| others.get(name).map(|other| other.schema.clone());
            let runner = Runner::new(Program::new(steps, &schema, &lookup)?, &others)?;
            black_box(runner.run(0..runner.program().len(), frame.clone(), &mut Outcome::default())?);
            Ok(())
        };
        compare("there and back", &mut || Ok(()), &mut || {
            let there = windvane_frames::to_polars(&schema, &batch)?;
            black_box(windvane_frames::from_polars(&schema, &there)?);
            Ok(())
        })?;
        for key in ["flag", "order", "note"] {
            let grouped = steps(&format!(
                r#"[{{"aggregate": {{"by": ["{key}"], "measures": {{"n": "count(price)", "total": "sum(price)", "least": "min(price)", "most": "max(price)"}}}}}}]"#
            ))?;
            compare(&format!("group by {key}: count, sum, min, max"), &mut || run(&grouped), &mut || {
                let by = polars.group_by([key])?.select(["price"]);
                #[expect(deprecated)]
                black_box((by.count()?, by.sum()?, by.min()?, by.max()?));
                Ok(())
            })?;
        }
        let pairs = [["flag", "part"], ["order", "part"], ["part", "note"]];
        for pair in pairs {
            let distinct = steps(&format!(r#"[{{"deduplicate": {{"on": ["{}", "{}"]}}}}]"#, pair[0], pair[1]))?;
            compare(&format!("distinct {} and {}", pair[0], pair[1]), &mut || run(&distinct), &mut || {
                black_box(polars.select(pair)?.unique_stable(
                    None,
                    polars::prelude::UniqueKeepStrategy::First,
                    None,
                )?);
                Ok(())
            })?;
        }
        let joined = steps(r#"[{"join": {"with": "parts", "on": ["part"]}}]"#)?;
        compare("join with a sample of 2,000", &mut || run(&joined), &mut || {
            black_box(polars.inner_join(&dimension, ["part"], ["part"])?);
            Ok(())
        })?;
        let sorted = steps(r#"[{"sort": {"by": ["price"]}}]"#)?;
        compare("sort by price", &mut || run(&sorted), &mut || {
            black_box(polars.sort(["price"], SortMultipleOptions::default())?);
            Ok(())
        })?;
    }
    Ok(())
}
