//! Rows that the target itself did not take: to quarantine with its reason, out of what was expected.

use crate::extract::folder::Folder;
use crate::extract::{quarantine, staging};
use crate::validate::Verdict;
use arrow::array::BooleanArray;
use std::collections::BTreeMap;
use windvane_connectors::RefusedRow;
use windvane_core::error::{Error, Result};
use windvane_core::schema::checksum::Checksum;

/// What is left of a verdict without the refused rows.
pub(super) struct Kept {
    pub(super) rows: u64,
    pub(super) checksum: Option<String>,
    pub(super) quarantine: Option<String>,
}

/// Writes the refused rows to quarantine.
pub(super) fn settle(verdict: &Verdict, refused: &[RefusedRow], output: &str, folder: &Folder) -> Result<Kept> {
    let staged = &verdict.staged;
    if refused.is_empty() {
        return Ok(Kept { rows: staged.rows, checksum: verdict.checksum.clone(), quarantine: None });
    }
    let by_place: BTreeMap<u64, &RefusedRow> = refused.iter().map(|row| (row.at, row)).collect();
    let path = folder.file(output, "load.quarantine.jsonl");
    let mut quarantine = quarantine::Writer::create(folder, &path, "load", output);
    let mut checksum = Checksum::default();
    let (mut at, mut gone) = (0, 0);
    for frame in staging::frames(folder, staged)? {
        let frame = frame?;
        let mine = by_place.range(at..at + frame.len() as u64);
        let mut keep = vec![true; frame.len()];
        for (place, row) in mine {
            let place = usize::try_from(place - at).unwrap_or(usize::MAX);
            keep[place] = false;
            gone += 1;
            if row.superseded {
                continue;
            }
            quarantine.push(&frame.reject(place, row.column.as_deref(), row.reason.clone()))?;
        }
        at += frame.len() as u64;
        checksum.update(&frame.filter(&BooleanArray::from(keep))?.rows)?;
    }
    if gone != refused.len() {
        return Err(Error::internal("the target refused rows that it was not given"));
    }
    let file = quarantine.finish()?.map(|(file, _)| file);
    Ok(Kept { rows: checksum.rows(), checksum: Some(checksum.finish()), quarantine: file })
}
