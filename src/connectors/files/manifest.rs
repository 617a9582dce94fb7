//! `_manifest.json`: which files of a loaded folder count. Replacing it by a rename is what makes a load visible.

use super::failure;
use crate::connectors::{FoundKind, Loaded};
use crate::error::{Error, Result};
use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) const FILE: &str = "_manifest.json";
const SCHEMA: &str = "windvane/manifest/v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    schema: String,
    pub dataset: String,
    pub columns: Schema,
    pub parts: Vec<Part>,
    /// Parts that the last load replaced: removed after publication, or by the next load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub checksum: String,
    pub load_id: String,
}

impl Manifest {
    pub(super) fn new(dataset: &str, columns: Schema) -> Self {
        let schema = SCHEMA.to_owned();
        Self { schema, dataset: dataset.to_owned(), columns, parts: Vec::new(), retired: Vec::new() }
    }

    /// The manifest of a folder; none when it has none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failure(&path, "read", &error)),
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| {
            Error::data("the manifest cannot be understood")
                .in_file(path.display().to_string())
                .caused_by(&error)
                .hint("It is written by windvane only; restore it from a backup or load the dataset anew elsewhere")
        })?;
        if manifest.schema != SCHEMA {
            return Err(Error::unsupported(format!("the manifest is of the kind '{}'", manifest.schema))
                .in_file(path.display().to_string())
                .hint("It was written by another version of windvane"));
        }
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        let names = manifest.parts.iter().map(|part| &part.path).chain(&manifest.retired);
        if names.clone().all(|name| plain(name)) {
            return Ok(Some(manifest));
        }
        Err(Error::data("the manifest names files outside its folder").in_file(path.display().to_string()))
    }

    /// Makes this the folder's manifest, whole or not at all.
    pub(super) fn publish(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let beside = folder.join(".manifest.new");
        let wrong = |error: io::Error| failure(&path, "written", &error);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("a manifest could not be written").caused_by(&error))?;
        text.push(b'\n');
        let mut file = File::create(&beside).map_err(wrong)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(wrong)?;
        fs::rename(&beside, &path).map_err(wrong)?;
        sync_folder(folder).map_err(wrong)
    }

    pub(super) fn loaded(&self, load_id: &str) -> Option<Loaded> {
        let part = self.parts.iter().find(|part| part.load_id == load_id)?;
        Some(Loaded {
            load_id: load_id.to_owned(),
            rows: part.rows,
            bytes: part.bytes,
            checksum: Some(part.checksum.clone()),
            refused: Vec::new(),
            changes: None,
            already: true,
        })
    }

    /// What its newest part is; each part is read by its ending. Without parts: Parquet.
    pub(super) fn kind(&self) -> FoundKind {
        let mut kinds = self.parts.iter().rev().filter_map(|part| super::locate::kind_by_ending(Path::new(&part.path)));
        kinds.next().unwrap_or(FoundKind::Parquet)
    }

    pub(super) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.parts.iter().map(|part| folder.join(&part.path)).collect()
    }

    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

/// Makes renames and removals in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
