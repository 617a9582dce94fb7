//! Files of a folder that its manifest does not name: those of somebody else, of a load that still runs, of a lost manifest.

use super::extension::kind_by_extension;
use super::folder::{Folder, LEASES};
use super::manifest::{FILE, Manifest};
use std::path::Path;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::target::Mode;

/// Refuses a folder that holds data which is not ours: publishing a manifest would hide it. Of a local folder the caller
/// holds the lock: without it the files of another load may be on their way. What `next` retires is spoken for.
pub(super) fn refuse_foreign(folder: &Folder, manifest: Option<&Manifest>, next: &Manifest) -> Result<()> {
    let foreign = foreign(folder, manifest)?;
    refuse(folder, foreign.iter().find(|name| !next.retired.contains(name)), Mode::Append)
}

pub(super) fn refuse(folder: &Folder, foreign: Option<&String>, mode: Mode) -> Result<()> {
    let Some(name) = foreign else { return Ok(()) };
    if is_ours(name) {
        let way = if mode == Mode::Replace {
            "say `adopt: true` at the dataset or the target: then the load takes the place of what is there"
        } else {
            "move its files away and run its runs again"
        };
        let message =
            format!("the folder holds '{name}', which no manifest names: {FILE} was lost, or is an older one");
        return Err(Error::new(Kind::Conflict, message).in_file(folder.shown()).hint(format!(
            "Nothing was changed: readers would lose the rows that are there. Bring {FILE} back, from a backup or as an \
             earlier version of the object; or {way}"
        )));
    }
    let hint = if mode == Mode::Replace {
        "Nothing was changed. Move the file away, load into another folder, or say `adopt: true` at the dataset or the target: \
         then the load takes the place of what is there"
    } else {
        "Move the file away or load into another folder: a load would hide or replace it"
    };
    Err(Error::new(Kind::Conflict, format!("the folder holds '{name}', which windvane did not write"))
        .in_file(folder.shown())
        .hint(hint))
}

/// Data in a folder that the manifest does not know.
pub(super) fn foreign(folder: &Folder, manifest: Option<&Manifest>) -> Result<Vec<String>> {
    let known =
        |name: &str| manifest.is_some_and(|known| known.names(name) || known.retired.iter().any(|old| old == name));
    let data = |name: &str| kind_by_extension(Path::new(name)).is_some();
    let unknown = folder.names()?.into_iter().filter(|name| data(name) && !known(name));
    // In a store the files of loads that are still running lie beside.
    let (sent, mut foreign): (Vec<String>, Vec<String>) = match folder {
        Folder::Object { .. } => unknown.partition(|name| is_sent(name)),
        Folder::Local(_) => (Vec::new(), unknown.collect()),
    };
    foreign.extend(left(folder, sent)?);
    Ok(foreign)
}

pub(super) fn token_of(lease: &str) -> Option<&str> {
    lease.rsplit('/').next().filter(|token| !token.is_empty())
}

/// Whether a file was sent by the attempt of this token.
pub(super) fn is_of(name: &str, token: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("part-") && name.contains(&format!(".{token}."))
}

/// Whether a file in a store has the name of one that a load sends.
fn is_sent(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let token = name.strip_prefix("part-").and_then(|rest| rest.split('.').nth(1));
    token.is_some_and(|token| token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a file has the name of one that a load of ours writes, here or in a store.
fn is_ours(name: &str) -> bool {
    let stem = name.rsplit('/').next().unwrap_or(name).strip_prefix("part-").and_then(|rest| rest.split('.').next());
    let load = stem.and_then(|stem| stem.split('-').next());
    is_sent(name) || load.is_some_and(|load| load.len() == 32 && load.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Those of the files that loads have sent which no load keeps and no manifest names: theirs was lost. The order of the
/// questions counts: before a load lets go of its lease, its files are published, or gone.
fn left(folder: &Folder, sent: Vec<String>) -> Result<Vec<String>> {
    let Folder::Object { store, key } = folder else { return Ok(Vec::new()) };
    if sent.is_empty() {
        return Ok(sent);
    }
    let leases = store.list(&format!("{key}/{LEASES}"))?;
    let kept = |name: &String| leases.iter().any(|lease| token_of(&lease.key).is_some_and(|token| is_of(name, token)));
    let free: Vec<String> = sent.into_iter().filter(|name| !kept(name)).collect();
    if free.is_empty() {
        return Ok(free);
    }
    let (manifest, _) = folder.manifest()?;
    let there = folder.names()?;
    let named =
        |name: &String| manifest.as_ref().is_some_and(|known| known.names(name) || known.retired.contains(name));
    Ok(free.into_iter().filter(|name| there.contains(name) && !named(name)).collect())
}
