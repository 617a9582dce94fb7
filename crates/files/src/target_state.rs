//! What a folder holds of a dataset: as its manifest says.

use super::files::Files;
use super::threads::blocking;
use super::widen::other_type;
use windvane_connect::compatibility::{Compatibility, Mismatch};
use windvane_connect::target_state::TargetState;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::target::Mode;

impl Files {
    /// What is added to files has the types of those that are there; what replaces them has its own.
    pub(super) async fn fits(&self, dataset: &str, schema: &Schema, mode: Mode) -> Result<Compatibility> {
        let (files, dataset, schema) = (self.clone(), dataset.to_owned(), schema.clone());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let Some(manifest) = manifest else { return Ok(Compatibility::default()) };
            let mut compatibility = Compatibility { exists: true, ..Compatibility::default() };
            match mode {
                Mode::Replace => return Ok(compatibility),
                Mode::Append | Mode::Merge | Mode::History => {}
            }
            for field in &schema.fields {
                let Some(theirs) = manifest.columns.field(&field.name).map(|theirs| theirs.data_type) else { continue };
                compatibility.declared.insert(field.name.clone(), theirs.to_string());
                if theirs != field.data_type {
                    compatibility.mismatches.push(Mismatch::of(
                        &other_type(&field.name, theirs, field.data_type),
                        field,
                        Some(theirs),
                    ));
                }
            }
            Ok(compatibility)
        })
        .await
    }

    pub(super) async fn target_state(&self, dataset: &str) -> Result<TargetState> {
        let (files, dataset) = (self.clone(), dataset.to_owned());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let Some(manifest) = manifest else { return Ok(TargetState::default()) };
            Ok(TargetState {
                exists: true,
                rows: Some(manifest.rows()),
                columns: manifest.columns.names().map(str::to_owned).collect(),
                unfilled: Vec::new(),
            })
        })
        .await
    }
}
