//! Which objects of a store are meant: what `locate` is for the local disk.

use super::extension::{is_hidden, stem};
use super::files::Files;
use super::folder::Folder;
use super::hive;
use super::item::{Item, Named, as_one};
use super::manifest::{FILE, Manifest};
use super::piece::{At, Piece};
use glob::{MatchOptions, Pattern};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use windvane_connect::objects::{Listed, Store};
use windvane_core::error::{Error, Result};

const GLOB: [char; 3] = ['*', '?', '['];
const LITERALLY: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

impl Files {
    /// The objects and loaded folders that an address names, sorted by key.
    pub(super) fn objects(&self, store: &Store, address: &str) -> Result<Vec<Item>> {
        let key = store.location().key_of(address).ok_or_else(|| {
            Error::spec("the address lies in another bucket than the source").in_file(store.shown(""))
        })?;
        if !key.contains(GLOB) {
            let below = store.list(&key)?;
            if !below.is_empty() {
                return self.below(store, &key, &below);
            }
        }
        if let Some(object) = store.look(&key).ok().flatten().filter(|_| !key.is_empty()) {
            return Ok(self.object(store, &object, Named::ByPath, &mut BTreeMap::new())?.into_iter().collect());
        }
        if key.contains(GLOB) { self.matching(store, &key) } else { Ok(Vec::new()) }
    }

    /// What lies in a folder: the dataset that it is, or its files and the datasets below it.
    fn below(&self, store: &Store, folder: &str, objects: &[Listed]) -> Result<Vec<Item>> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let rest = |object: &Listed| object.key.strip_prefix(&prefix).unwrap_or(&object.key).to_owned();
        if objects.iter().any(|object| rest(object) == FILE) {
            return Ok(self.loaded_object(store, folder)?.into_iter().collect());
        }
        let mut items = Vec::new();
        let mut loaded = BTreeSet::new();
        for object in objects {
            let rest = rest(object);
            if let Some((name, file)) = rest.split_once('/').filter(|(_, file)| *file == FILE) {
                let _ = file;
                loaded.insert(name.to_owned());
                items.extend(self.loaded_object(store, &format!("{prefix}{name}"))?);
            }
        }
        let mut known = BTreeMap::new();
        let mut of_values: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for object in objects {
            let rest = rest(object);
            let top = rest.split('/').next().unwrap_or_default();
            if loaded.contains(top) || rest.split('/').any(|part| is_hidden(Path::new(part))) {
                continue;
            }
            if !rest.contains('/') {
                items.extend(self.object(store, object, Named::No, &mut known)?);
                continue;
            }
            // Files below folders that hold values, directly here or in one folder.
            let home = hive::home(&rest);
            if !home.contains('/')
                && hive::values_of(&rest).len() + usize::from(!home.is_empty()) == rest.matches('/').count()
            {
                let found = self.object(store, object, Named::No, &mut known)?;
                of_values.entry(format!("{prefix}{home}")).or_default().extend(found);
            }
        }
        for (key, found) in of_values {
            let key = key.trim_end_matches('/');
            // Only folders of values make a folder a dataset.
            if found.iter().any(|item| item.files.iter().all(|piece| piece.values.is_empty())) {
                continue;
            }
            let name = key.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&store.location().bucket);
            let locator = store.shown(key);
            items.extend(as_one(name, &locator, found)?.map(|item| Item { locator: locator.clone(), ..item }));
        }
        items.sort_by(|one, other| one.locator.cmp(&other.locator));
        Ok(items)
    }

    fn matching(&self, store: &Store, key: &str) -> Result<Vec<Item>> {
        let pattern = Pattern::new(key).map_err(|error| {
            Error::spec(format!("'{key}' is not a glob: {}", error.msg)).hint("Use *, ?, ** and [a-z]")
        })?;
        let fixed: Vec<&str> = key.split('/').take_while(|part| !part.contains(GLOB)).collect();
        let mut known = BTreeMap::new();
        let mut items = Vec::new();
        for object in store.list(&fixed.join("/"))? {
            let folder = object.key.strip_suffix(&format!("/{FILE}"));
            if let Some(folder) = folder.filter(|folder| pattern.matches_with(folder, LITERALLY)) {
                items.extend(self.loaded_object(store, folder)?);
            } else if pattern.matches_with(&object.key, LITERALLY) {
                items.extend(self.object(store, &object, Named::ByGlob, &mut known)?);
            }
        }
        Ok(items)
    }

    /// An object as a dataset of its own; nothing when it is not meant. `known`: manifests looked at already.
    fn object(
        &self,
        store: &Store,
        object: &Listed,
        named: Named,
        known: &mut BTreeMap<String, Option<Manifest>>,
    ) -> Result<Option<Item>> {
        let path = Path::new(&object.key);
        if is_hidden(path) && (named != Named::ByPath || path.ends_with(FILE)) {
            return Ok(None);
        }
        let Some(kind) = self.kind_of(path, named) else { return Ok(None) };
        // Files of a loaded folder count only when its manifest names them.
        let home = hive::home(&object.key).to_owned();
        if !known.contains_key(&home) {
            known.insert(home.clone(), manifest(store, &home)?);
        }
        let name = object.key.strip_prefix(&home).unwrap_or(&object.key).trim_start_matches('/');
        if known.get(&home).and_then(Option::as_ref).is_some_and(|manifest| !manifest.names(name)) {
            return Ok(None);
        }
        let at = At::Object { store: store.clone(), key: object.key.clone(), size: object.size };
        let files = vec![Piece { at, values: hive::values_of(&object.key) }];
        Ok(Some(Item { name: stem(path), locator: store.shown(&object.key), kind, files, manifest: None }))
    }

    fn loaded_object(&self, store: &Store, folder: &str) -> Result<Option<Item>> {
        let Some(manifest) = manifest(store, folder)? else { return Ok(None) };
        let kind = manifest.kind();
        if self.accepts.is_some_and(|wanted| wanted != kind && !manifest.parts.is_empty()) {
            return Ok(None);
        }
        let place = Folder::Object { store: store.clone(), key: folder.to_owned() };
        let files = manifest.parts.iter().map(|part| place.piece(part)).collect();
        let (name, locator) = (manifest.dataset.clone(), store.shown(folder));
        Ok(Some(Item { name, locator, kind, files, manifest: Some(manifest) }))
    }
}

fn manifest(store: &Store, folder: &str) -> Result<Option<Manifest>> {
    let key = if folder.is_empty() { FILE.to_owned() } else { format!("{folder}/{FILE}") };
    let (text, _) = store.get(&key)?;
    text.map(|text| Manifest::understood(&text, &store.shown(&key))).transpose()
}
