//! Which files are meant: paths, folders and globs become named sets of files below the allowed roots.

use super::extension::{is_hidden, kind_by_extension, stem};
use super::files::Files;
use super::hive;
use super::item::{Item, Named, as_one, name_apart};
use super::manifest::{FILE, Manifest};
use super::piece::{At, Piece};
use std::fs;
use std::path::{Path, PathBuf};
use windvane_connect::FoundKind;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Result};

impl Files {
    /// Every dataset, sorted by name.
    pub(super) fn items(&self) -> Result<Vec<Item>> {
        let mut found = self.matches(&self.path)?;
        if let Some(name) = &self.as_dataset {
            // Called by its path also when it is one file today: tomorrow it may be another one.
            let one = as_one(name, &self.path, found)?;
            found = one.map(|item| Item { locator: self.path.clone(), ..item }).into_iter().collect();
        }
        if found.is_empty() && self.writes.is_none() {
            return Err(self.nothing(&self.path));
        }
        name_apart(&mut found);
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The dataset that a locator means.
    pub(super) fn item(&self, locator: &str, kind: FoundKind) -> Result<Item> {
        let found = self.matches(locator)?;
        let exact =
            found.iter().position(|item| item.locator == locator && found.len() > 1 && self.as_dataset.is_none());
        let one = match found.len() {
            0 => None,
            1 => found.into_iter().next(),
            _ if exact.is_some() => exact.and_then(|at| found.into_iter().nth(at)),
            _ => as_one(self.as_dataset.as_deref().unwrap_or(locator), locator, found)?,
        };
        let mut item = one.ok_or_else(|| self.nothing(locator))?;
        if item.manifest.is_none() {
            item.kind = kind;
        }
        Ok(item)
    }

    fn nothing(&self, path: &str) -> Error {
        let what = match self.accepts {
            Some(FoundKind::Csv) => "delimited text (.csv, .tsv, .txt)",
            Some(FoundKind::Jsonl) => "JSON lines (.jsonl, .ndjson, .json)",
            Some(FoundKind::Parquet) => "Parquet (.parquet)",
            Some(FoundKind::Table | FoundKind::View) | None => "CSV, JSON lines and Parquet, plain or as .gz and .zst",
        };
        let place = match &self.store {
            Some(store) => store.shown(""),
            None => self.local.shown(),
        };
        Error::missing(format!("no file matches '{path}'"))
            .in_file(path.to_owned())
            .hint(format!("Looked in {place}; files read here are {what}"))
            .awaited()
    }

    /// The files and loaded folders that a path, folder or glob names, sorted by path.
    fn matches(&self, path: &str) -> Result<Vec<Item>> {
        if path.contains('\0') {
            return Err(Error::spec("a path may not hold a NUL character"));
        }
        if let Some(store) = &self.store {
            return self.objects(store, path);
        }
        let absolute = self.local.resolve_glob(path)?;
        let mut items = Vec::new();
        let mut paths = Vec::new();
        let mut named = Named::No;
        if absolute.is_dir() {
            if let Some(item) = self.loaded_folder(&absolute)? {
                return Ok(vec![item]);
            }
            items.extend(self.folder_of_values(&absolute)?);
            let entries = fs::read_dir(&absolute).map_err(|error| failure(&absolute, "listed", &error))?;
            for entry in entries {
                paths.push(entry.map_err(|error| failure(&absolute, "listed", &error))?.path());
            }
        } else if absolute.exists() {
            paths.push(absolute);
            named = Named::ByPath;
        } else if let Some(pattern) = absolute.to_str().filter(|text| text.contains(['*', '?', '['])) {
            let walk = glob::glob(pattern).map_err(|error| {
                Error::spec(format!("'{path}' is not a glob: {}", error.msg)).hint("Use *, ?, ** and [a-z]")
            })?;
            for entry in walk {
                paths.push(entry.map_err(|error| failure(error.path(), "listed", error.error()))?);
            }
            named = Named::ByGlob;
        }
        paths.sort();
        for path in paths {
            items.extend(self.item_of(path, named)?);
        }
        Ok(items)
    }

    fn item_of(&self, path: PathBuf, named: Named) -> Result<Option<Item>> {
        if is_hidden(&path) && (named != Named::ByPath || path.ends_with(FILE)) {
            return Ok(None);
        }
        self.local.admit(&path)?;
        if path.is_dir() {
            let loaded = self.loaded_folder(&path)?;
            // A folder that holds a value belongs to the dataset of the folder above.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_value = named == Named::No && hive::value_of(&name).is_some();
            return if loaded.is_some() || is_value { Ok(loaded) } else { self.folder_of_values(&path) };
        }
        let Some(kind) = self.kind_of(&path, named) else { return Ok(None) };
        // Files of a loaded folder count only when its manifest names them.
        let text = path.to_string_lossy();
        let folder = Path::new(hive::home(&text));
        if let Some(manifest) = Manifest::read(folder)?
            && !manifest.parts.iter().any(|part| folder.join(&part.path) == path)
        {
            return Ok(None);
        }
        let locator = self.local.locator(&path)?;
        let (name, values) = (stem(&path), hive::values_of(&text));
        Ok(Some(Item { name, locator, kind, files: vec![Piece { at: At::Local(path), values }], manifest: None }))
    }

    /// What a file is read as; nothing when it is not meant.
    pub(super) fn kind_of(&self, path: &Path, named: Named) -> Option<FoundKind> {
        let ending = kind_by_extension(path);
        match self.accepts {
            None => ending,
            Some(wanted) if named != Named::No => Some(wanted),
            Some(wanted) => ending.filter(|kind| *kind == wanted),
        }
    }

    /// The files below folders such as `day=2026-11-21`, as one dataset named after the folder above.
    fn folder_of_values(&self, folder: &Path) -> Result<Option<Item>> {
        let mut found = Vec::new();
        self.gather(folder, &mut found)?;
        found.sort_by_key(|item| item.locator.clone());
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let locator = self.local.locator(folder)?;
        Ok(as_one(&name, &locator, found)?.map(|item| Item { locator, ..item }))
    }

    /// Files in folders that hold values, however deep; not those directly in the folder.
    fn gather(&self, folder: &Path, found: &mut Vec<Item>) -> Result<()> {
        let wrong = |error: std::io::Error| failure(folder, "listed", &error);
        for entry in fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_hidden(&path) || hive::value_of(&name).is_none() || !path.is_dir() {
                continue;
            }
            self.local.admit(&path)?;
            for entry in fs::read_dir(&path).map_err(wrong)? {
                let inner = entry.map_err(wrong)?.path();
                if !inner.is_dir() {
                    found.extend(self.item_of(inner, Named::No)?);
                }
            }
            self.gather(&path, found)?;
        }
        Ok(())
    }

    /// How a file of a dataset is written in a locator.
    pub(super) fn locator_of(&self, piece: &Piece) -> Result<String> {
        match &piece.at {
            At::Local(path) => self.local.locator(path),
            At::Object { store, key, .. } => Ok(store.shown(key)),
        }
    }

    pub(super) fn admit(&self, piece: &Piece) -> Result<()> {
        match &piece.at {
            At::Local(path) => self.local.admit(path),
            At::Object { .. } => Ok(()),
        }
    }

    fn loaded_folder(&self, folder: &Path) -> Result<Option<Item>> {
        let Some(manifest) = Manifest::read(folder)? else { return Ok(None) };
        let kind = manifest.kind();
        if self.accepts.is_some_and(|wanted| wanted != kind && !manifest.parts.is_empty()) {
            return Ok(None);
        }
        let locator = self.local.locator(folder)?;
        let files = manifest.files(folder);
        Ok(Some(Item { name: manifest.dataset.clone(), locator, kind, files, manifest: Some(manifest) }))
    }
}
