//! Which files are meant: paths, folders and globs become named sets of files below the allowed roots.

use super::hive;
use super::manifest::{FILE, Manifest};
use super::piece::{At, Piece};
use super::{Files, failure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use windvane_connect::disk::{ALLOW, real_path};
use windvane_connect::{Context, FoundKind};
use windvane_core::error::{Error, Result};

/// The folder that relative paths mean and the folders that may be touched.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    base: PathBuf,
    roots: Vec<PathBuf>,
}

/// How the user named a file. One that is named is meant whatever its ending; only a path means a hidden file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    No,
    ByGlob,
    ByPath,
}

/// Files that are one dataset.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub name: String,
    pub locator: String,
    pub kind: FoundKind,
    pub files: Vec<Piece>,
    pub manifest: Option<Manifest>,
}

impl Bounds {
    pub(super) fn new(context: &Context) -> Self {
        Self { base: context.base.clone(), roots: context.roots.clone() }
    }

    /// The path as the file system knows it: absolute, links resolved (of the part that exists), below a root.
    pub(super) fn resolve(&self, path: &str) -> Result<PathBuf> {
        let joined = self.base.join(path);
        let joined = std::path::absolute(&joined).map_err(|error| failure(&joined, "found", &error))?;
        self.admit(&joined)?;
        Ok(joined)
    }

    /// Refuses a path whose real place is not below a root.
    pub(super) fn admit(&self, path: &Path) -> Result<()> {
        if self.roots.is_empty() {
            return Ok(());
        }
        let real = real_path(path)?;
        let below = |root: &PathBuf| real_path(root).is_ok_and(|root| real.starts_with(root));
        if self.roots.iter().any(below) {
            return Ok(());
        }
        let roots: BTreeSet<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
        let roots: Vec<String> = roots.into_iter().collect();
        Err(Error::spec("the path lies outside the folders that may be used")
            .in_file(path.display().to_string())
            .hint(format!("Paths must lie below {}, also behind symbolic links; {ALLOW}", roots.join(" or "))))
    }

    /// How a path is written in a locator: relative to the base where it lies below it.
    fn locator(&self, path: &Path) -> Result<String> {
        let base = std::path::absolute(&self.base).unwrap_or_else(|_| self.base.clone());
        let short = path.strip_prefix(&base).unwrap_or(path);
        short.to_str().map(str::to_owned).ok_or_else(|| {
            Error::unsupported("the file's name is not Unicode")
                .in_file(path.display().to_string())
                .hint("Rename the file")
        })
    }
}

/// What a file is by its ending, compression aside.
pub(super) fn kind_by_ending(path: &Path) -> Option<FoundKind> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match Path::new(plain).extension()?.to_str()? {
        "csv" | "tsv" | "txt" => Some(FoundKind::Csv),
        "jsonl" | "ndjson" | "json" => Some(FoundKind::Jsonl),
        "parquet" => Some(FoundKind::Parquet),
        _ => None,
    }
}

/// `orders` of `orders.csv.gz`.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let cut = [".gz", ".zst"].iter().find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
    let plain = name.get(..name.len() - cut).unwrap_or(&name);
    match plain.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        Some(_) | None => plain.to_owned(),
    }
}

pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

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
            None => self.bounds.base.display().to_string(),
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
        let absolute = self.bounds.resolve_unless_glob(path)?;
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
        self.bounds.admit(&path)?;
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
        let locator = self.bounds.locator(&path)?;
        let (name, values) = (stem(&path), hive::values_of(&text));
        Ok(Some(Item { name, locator, kind, files: vec![Piece { at: At::Local(path), values }], manifest: None }))
    }

    /// What a file is read as; nothing when it is not meant.
    pub(super) fn kind_of(&self, path: &Path, named: Named) -> Option<FoundKind> {
        let ending = kind_by_ending(path);
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
        let locator = self.bounds.locator(folder)?;
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
            self.bounds.admit(&path)?;
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
            At::Local(path) => self.bounds.locator(path),
            At::Object { store, key, .. } => Ok(store.shown(key)),
        }
    }

    fn loaded_folder(&self, folder: &Path) -> Result<Option<Item>> {
        let Some(manifest) = Manifest::read(folder)? else { return Ok(None) };
        let kind = manifest.kind();
        if self.accepts.is_some_and(|wanted| wanted != kind && !manifest.parts.is_empty()) {
            return Ok(None);
        }
        let locator = self.bounds.locator(folder)?;
        let files = manifest.files(folder);
        Ok(Some(Item { name: manifest.dataset.clone(), locator, kind, files, manifest: Some(manifest) }))
    }
}

/// Several files as one dataset; they must be of one kind.
pub(super) fn as_one(name: &str, locator: &str, found: Vec<Item>) -> Result<Option<Item>> {
    let Some(first) = found.first() else { return Ok(None) };
    let kind = first.kind;
    if let [only] = found.as_slice() {
        return Ok(Some(Item { name: name.to_owned(), ..only.clone() }));
    }
    if found.iter().any(|item| item.kind != kind) {
        return Err(Error::spec(format!("the files of '{name}' are of different kinds"))
            .in_file(locator.to_owned())
            .hint("Narrow the path with a glob such as *.csv"));
    }
    let files = found.into_iter().flat_map(|item| item.files).collect();
    Ok(Some(Item { name: name.to_owned(), locator: locator.to_owned(), kind, files, manifest: None }))
}

impl Bounds {
    /// A glob's matches are admitted one by one; anything else at once, so that nothing outside is even looked at.
    fn resolve_unless_glob(&self, path: &str) -> Result<PathBuf> {
        let fixed: PathBuf = Path::new(path)
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        self.admit(&self.base.join(fixed))?;
        let joined = self.base.join(path);
        std::path::absolute(&joined).map_err(|error| failure(&joined, "found", &error))
    }
}

/// Datasets of the same stem get their file's ending, then their whole locator, as their name.
fn name_apart(items: &mut [Item]) {
    for longer in [file_name as fn(&Item) -> String, |item| item.locator.clone()] {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for item in items.iter() {
            *count.entry(item.name.clone()).or_default() += 1;
        }
        for item in items.iter_mut().filter(|item| count.get(&item.name).is_some_and(|count| *count > 1)) {
            item.name = longer(item);
        }
    }
}

fn file_name(item: &Item) -> String {
    let path = Path::new(&item.locator);
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
