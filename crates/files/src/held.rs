//! What a folder holds of a dataset: as its manifest says.

use super::files::Files;
use super::threads::blocking;
use super::widen::other_type;
use windvane_connect::fits::{Fitting, Misfit};
use windvane_connect::held::Holds;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::target::Mode;

impl Files {
    /// What is added to files has the types of those that are there; what replaces them has its own.
    pub(super) async fn fits(&self, dataset: &str, schema: &Schema, mode: Mode) -> Result<Fitting> {
        let (files, dataset, schema) = (self.clone(), dataset.to_owned(), schema.clone());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let Some(manifest) = manifest else { return Ok(Fitting::default()) };
            let mut fitting = Fitting { exists: true, ..Fitting::default() };
            match mode {
                Mode::Replace => return Ok(fitting),
                Mode::Append | Mode::Merge | Mode::History => {}
            }
            for field in &schema.fields {
                let Some(theirs) = manifest.columns.field(&field.name).map(|theirs| theirs.data_type) else { continue };
                fitting.declared.insert(field.name.clone(), theirs.to_string());
                if theirs != field.data_type {
                    fitting.misfits.push(Misfit::of(
                        &other_type(&field.name, theirs, field.data_type),
                        field,
                        Some(theirs),
                    ));
                }
            }
            Ok(fitting)
        })
        .await
    }

    pub(super) async fn held(&self, dataset: &str) -> Result<Holds> {
        let (files, dataset) = (self.clone(), dataset.to_owned());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let Some(manifest) = manifest else { return Ok(Holds::default()) };
            Ok(Holds {
                exists: true,
                rows: Some(manifest.rows()),
                columns: manifest.columns.names().map(str::to_owned).collect(),
                unfilled: Vec::new(),
            })
        })
        .await
    }
}
