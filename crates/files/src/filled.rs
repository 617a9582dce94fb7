//! Which columns of a target's dataset have a value: its files are read, as by a source, until every column has shown one.

use super::Files;
use arrow::array::Array;
use futures::StreamExt;
use windvane_connect::ReadRequest;
use windvane_connect::connector::Connector;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::kinds::csv::CsvSource;

impl Files {
    pub(super) async fn with_values(&self, dataset: &str, columns: &[String]) -> Result<Vec<String>> {
        let options = CsvSource { path: self.path.clone(), ..CsvSource::default() };
        let source = Files { options: Box::new(options), writes: None, compression: None, ..self.clone() };
        let Some((_, found)) = source.datasets().await?.into_iter().find(|(name, _)| name == dataset) else {
            return Ok(Vec::new());
        };
        let known = found.fields.fields.into_iter().filter(|field| columns.contains(&field.name));
        let mut open: Vec<_> = known.collect();
        let mut filled = Vec::new();
        let request = ReadRequest::whole(found.locator, found.kind, found.format, Schema::new(open.clone()));
        let mut batches = source.read(request).await?;
        let names: Vec<String> = open.iter().map(|field| field.name.clone()).collect();
        while let Some(batch) = batches.next().await {
            let rows = batch?.rows;
            for (name, column) in names.iter().zip(rows.columns()) {
                if column.null_count() < column.len() && open.iter().any(|field| field.name == *name) {
                    open.retain(|field| field.name != *name);
                    filled.push(name.clone());
                }
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(filled)
    }
}
