//! What a folder holds of a dataset: as its manifest says.

use super::{Files, blocking};
use crate::connectors::held::Holds;
use crate::error::Result;

impl Files {
    pub async fn holds(&self, dataset: &str) -> Result<Holds> {
        let (files, dataset) = (self.clone(), dataset.to_owned());
        blocking(move || {
            let (manifest, _) = files.folder(&dataset)?.manifest()?;
            let Some(manifest) = manifest else { return Ok(Holds::default()) };
            Ok(Holds {
                exists: true,
                rows: Some(manifest.rows()),
                columns: manifest.columns.names().map(str::to_owned).collect(),
            })
        })
        .await
    }
}
