//! Where the files of a source or a target are, and what was said about them.

use super::folder::{Folder, folder_name};
use super::write::ending;
use windvane_connect::objects::{Location, Store, is_address};
use windvane_connect::{Context, FoundKind, LocalPaths};
use windvane_core::error::{Error, Result};
use windvane_core::spec::kinds::csv::CsvSource;
use windvane_core::spec::kinds::files::FilesTarget;
use windvane_core::spec::target::Compression;

/// Files below a path: a source, or the folder that datasets are loaded into.
#[derive(Debug, Clone)]
pub struct Files {
    pub(super) local: LocalPaths,
    /// Looks at all rows, where it is at a sample otherwise.
    pub(super) thorough: bool,
    pub(super) path: String,
    pub(super) as_dataset: Option<String>,
    /// Only files of this kind; none: all that we read.
    pub(super) accepts: Option<FoundKind>,
    /// What the user said about delimited text.
    pub(super) options: Box<CsvSource>,
    /// Of a target: the kind of its parts.
    pub(super) writes: Option<FoundKind>,
    pub(super) compression: Option<Compression>,
    /// The bucket, where the path is an address.
    pub(super) store: Option<Store>,
}

impl Files {
    /// Files of one kind, or of all that we read.
    pub fn open_source(options: CsvSource, accepts: Option<FoundKind>, context: &Context) -> Result<Self> {
        Ok(Self {
            local: context.local.clone(),
            thorough: context.thorough,
            path: options.path.clone(),
            as_dataset: options.as_dataset.clone(),
            accepts,
            store: opened(&options.path, options.connection.as_deref(), context)?,
            options: Box::new(options),
            writes: None,
            compression: None,
        })
    }

    pub fn open_target(files: &FilesTarget, kind: FoundKind, context: &Context) -> Result<Self> {
        ending(kind, files.compression).map_err(|error| error.at_path("compression"))?;
        let store = opened(&files.path, files.connection.as_deref(), context)?;
        if store.is_none() {
            context.local.resolve(&files.path)?;
        }
        Ok(Self {
            local: context.local.clone(),
            thorough: context.thorough,
            path: files.path.clone(),
            as_dataset: None,
            accepts: None,
            options: Box::default(),
            writes: Some(kind),
            compression: files.compression,
            store,
        })
    }

    /// The folder of a dataset of the target.
    pub(super) fn folder(&self, dataset: &str) -> Result<Folder> {
        let name = folder_name(dataset)?;
        let Some(store) = &self.store else {
            let folder = self.local.resolve(&self.path)?.join(name);
            self.local.admit(&folder)?;
            return Ok(Folder::Local(folder));
        };
        let base = &store.location().key;
        let key = if base.is_empty() { name } else { format!("{base}/{name}") };
        Ok(Folder::Object { store: store.clone(), key })
    }
}

/// The bucket that a path means; nothing for a local path.
fn opened(path: &str, connection: Option<&str>, context: &Context) -> Result<Option<Store>> {
    if is_address(path) {
        return Store::open(Location::read(path)?, connection, &context.secrets).map(Some);
    }
    if path.contains("://") {
        return Err(Error::unsupported("this is an address that files are not read from or written to")
            .hint("Known are s3://, gs://, az:// and abfss://"));
    }
    Ok(None)
}
