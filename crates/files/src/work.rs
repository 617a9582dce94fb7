//! The workplace of a load or a compaction: a folder of its own for what is not visible yet, and the way from there
//! into the dataset's folder. It lies outside of that, because readers that look for files see hidden ones too.
//!
//! Dropping it removes what was written. Killed anywhere, the dataset reads as before, and the next load cleans up.

use super::failure;
use super::folder::{self, Folder, LEASES, Version};
use super::manifest::Manifest;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use windvane_connect::disk;
use windvane_connect::objects::{Listed, Store};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::schema::digest;

const STAGING: &str = ".windvane-staging";
const LOCK: &str = ".lock";
const CREATE_TRIES: usize = 10;
const LEASE_SECONDS: u64 = 3600;

/// A folder that the caller fills, and the dataset's folder.
pub(super) struct Work {
    pub folder: Folder,
    pub inside: PathBuf,
    /// What the names of its files begin with.
    pub stem: String,
    load_id: String,
    /// Tells this attempt from others of the same load.
    token: String,
    sent: RefCell<BTreeSet<String>>,
    leased: Cell<Option<Instant>>,
    stop: Arc<AtomicBool>,
    /// Locked as long as this lives.
    _lock: File,
}

impl Drop for Work {
    fn drop(&mut self) {
        // Whatever stays is cleaned by the next load.
        let _ = fs::remove_dir_all(&self.inside);
        if let Folder::Local(_) = &self.folder {
            leave(&self.inside);
        }
        if let (Folder::Object { store, key }, true) = (&self.folder, self.leased.get().is_some()) {
            for name in self.sent.borrow().iter() {
                if store.remove(&format!("{key}/{name}")).is_err() {
                    return;
                }
            }
            let _ = store.remove(&self.lease(key));
        }
    }
}

/// How long a lease holds without being written again. Set by people only for tests and very slow lines.
#[expect(clippy::disallowed_methods, reason = "a knob of who runs this, like TMPDIR and the stores' own environment")]
fn lease_seconds() -> u64 {
    let said = std::env::var("WINDVANE_LEASE_SECONDS").ok().and_then(|text| text.parse().ok());
    said.unwrap_or(LEASE_SECONDS)
}

impl Work {
    /// A workplace in a dataset's folder. The caller holds the lock of a local one.
    pub(super) fn begin(folder: Folder, load_id: &str, stop: Arc<AtomicBool>) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = clock::now().rfc3339();
        let unique = format!("{now}:{}:{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let token = digest(unique.as_bytes(), 16);
        let (inside, lock, stem) = match &folder {
            Folder::Object { .. } => {
                let (inside, lock) = disk::scratch()?;
                (inside, lock, format!("part-{load_id}.{token}"))
            }
            Folder::Local(path) => {
                let inside = workplaces(path)?.join(load_id);
                if inside.exists() {
                    return Err(Error::new(Kind::Unavailable, "the same load is running in another process")
                        .in_file(path.display().to_string())
                        .hint("Wait until it ends; a second try then finds its result"));
                }
                create(&inside).map_err(|error| failure(&inside, "created", &error))?;
                let lock = File::create(inside.join(LOCK)).map_err(|error| failure(&inside, "created", &error))?;
                lock.try_lock().map_err(|error| failure(&inside, "locked", &error.into()))?;
                (inside, lock, format!("part-{load_id}"))
            }
        };
        let (sent, leased) = (RefCell::default(), Cell::new(None));
        Ok(Self { folder, inside, stem, load_id: load_id.to_owned(), token, sent, leased, stop, _lock: lock })
    }

    /// Called often during long work: keeps the lease, and ends the work when nobody waits for it any more.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Cancelled, "the load was stopped").hint("Nothing was changed"));
        }
        let (Folder::Object { store, key }, Some(last)) = (&self.folder, self.leased.get()) else { return Ok(()) };
        if last.elapsed() > Duration::from_secs(lease_seconds()) / 4 { self.renew(store, key) } else { Ok(()) }
    }

    pub(super) fn load_id(&self) -> &str {
        &self.load_id
    }

    fn lease(&self, key: &str) -> String {
        format!("{key}/{LEASES}/{}", self.token)
    }

    fn renew(&self, store: &Store, key: &str) -> Result<()> {
        store.put(&self.lease(key), self.load_id.clone().into_bytes())?;
        self.leased.set(Some(Instant::now()));
        Ok(())
    }

    /// Makes the manifest the folder's with these files of the workplace, if the last one (`known`, of this version)
    /// still is; false when another load was faster. Afterwards what it retires is gone.
    pub(super) fn commit(
        &self,
        fresh: &[String],
        mut next: Manifest,
        known: Option<&Manifest>,
        before: &Version,
    ) -> Result<bool> {
        self.go_on()?;
        let (store, key) = match &self.folder {
            Folder::Object { store, key } => (store, key),
            Folder::Local(path) => {
                let done = folder::commit_locally(path, &self.inside, fresh, &next, known, before)?;
                for name in next.retired.iter().filter(|_| done) {
                    let _ = self.folder.remove(name);
                }
                return Ok(done);
            }
        };
        let Version::Object(before) = before else {
            return Err(Error::internal("an object met the version of a folder"));
        };
        super::load::refuse_foreign(&self.folder, known, &next)?;
        if self.leased.get().is_none() {
            self.renew(store, key)?;
        }
        for name in fresh {
            if !self.sent.borrow().contains(name) {
                self.sent.borrow_mut().insert(name.clone());
                store.upload(&self.inside.join(name), &format!("{key}/{name}"), &|| self.go_on())?;
            }
        }
        self.go_on()?;
        let retired = known.map(|known| known.retired.as_slice()).unwrap_or_default();
        for name in retired {
            if !fresh.contains(name) {
                self.folder.remove(name)?;
            }
        }
        let there = self.folder.names()?;
        if fresh.iter().any(|name| retired.contains(name) || !there.contains(name)) {
            return Err(Error::new(Kind::Conflict, "this load paused so long that another one took it for dead")
                .in_file(self.folder.shown())
                .hint("Nothing was changed: run it again"));
        }
        let dead = self.dead_leases(store, key)?;
        for name in there {
            let left = |lease: &Listed| token_of(&lease.key).is_some_and(|token| is_of(&name, token));
            if dead.iter().any(left) && !next.names(&name) && !next.retired.contains(&name) {
                next.retired.push(name);
            }
        }
        let unsure = |error: Error| {
            // The manifest may name our files: they stay, and a later load removes them if it does not.
            self.leased.set(None);
            error
        };
        if !store.swap(&format!("{key}/{}", super::manifest::FILE), next.text()?, before).map_err(unsure)? {
            // It may have been our own request whose answer was lost, and which was sent again.
            let (there, _) = self.folder.manifest().map_err(unsure)?;
            self.sent.borrow_mut().retain(|name| !there.as_ref().is_some_and(|there| there.names(name)));
            return Ok(false);
        }
        // From here on the files are the dataset's.
        self.sent.borrow_mut().retain(|name| !next.names(name));
        if next.retired.iter().all(|name| self.folder.remove(name).is_ok()) {
            for lease in dead {
                let _ = store.remove(&lease.key);
            }
        }
        Ok(true)
    }

    /// Leases that nobody keeps, judged by the store's own clock.
    fn dead_leases(&self, store: &Store, key: &str) -> Result<Vec<Listed>> {
        let all = store.list(&format!("{key}/{LEASES}"))?;
        let own = self.lease(key);
        let Some(now) = all.iter().find(|lease| lease.key == own).map(|lease| lease.modified) else {
            return Ok(Vec::new());
        };
        let limit = i64::try_from(lease_seconds()).unwrap_or(i64::MAX);
        Ok(all.into_iter().filter(|lease| lease.key != own && now.saturating_sub(lease.modified) > limit).collect())
    }
}

fn token_of(lease: &str) -> Option<&str> {
    lease.rsplit('/').next().filter(|token| !token.is_empty())
}

/// Whether a file was sent by the attempt of this token.
fn is_of(name: &str, token: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("part-") && name.contains(&format!(".{token}."))
}

/// Whether a file in a store has the name of one that a load sends.
pub(super) fn is_sent(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let token = name.strip_prefix("part-").and_then(|rest| rest.split('.').nth(1));
    token.is_some_and(|token| token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a file has the name of one that a load of ours writes, here or in a store.
pub(super) fn is_ours(name: &str) -> bool {
    let stem = name.rsplit('/').next().unwrap_or(name).strip_prefix("part-").and_then(|rest| rest.split('.').next());
    let load = stem.and_then(|stem| stem.split('-').next());
    is_sent(name) || load.is_some_and(|load| load.len() == 32 && load.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Those of the files that loads have sent which no load keeps and no manifest names: theirs was lost. The order of the
/// questions counts: before a load lets go of its lease, its files are published, or gone.
pub(super) fn left(folder: &Folder, sent: Vec<String>) -> Result<Vec<String>> {
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

/// Where the workplaces of a local dataset are: beside its folder, on the same file system, so that files can be renamed to
/// their places.
fn workplaces(path: &Path) -> Result<PathBuf> {
    let wrong = |error: io::Error| failure(path, "read", &error);
    let real = fs::canonicalize(path).map_err(wrong)?;
    let (Some(above), Some(name)) = (real.parent(), real.file_name()) else { return Ok(real.join(STAGING)) };
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).map_err(wrong);
    // A folder that another disk is mounted on has nothing beside it.
    Ok(if device(above)? == device(&real)? { above.join(STAGING).join(name) } else { real.join(STAGING) })
}

/// Makes a workplace; the end of another load may take an empty folder above away meanwhile.
fn create(inside: &Path) -> io::Result<()> {
    for _ in 0..CREATE_TRIES {
        inside.parent().map_or(Ok(()), fs::create_dir_all)?;
        match fs::create_dir(inside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    fs::create_dir(inside)
}

/// Takes the folders above a workplace away, if nothing is in them.
fn leave(inside: &Path) {
    let _ =
        inside.ancestors().skip(1).take_while(|above| above.components().any(is_staging)).try_for_each(fs::remove_dir);
}

fn is_staging(part: Component<'_>) -> bool {
    part.as_os_str() == STAGING
}

/// Removes what dead loads left of a local dataset: called with the folder's lock held.
pub(super) fn clean(path: &Path, manifest: Option<&Manifest>) -> Result<()> {
    let folder = Folder::Local(path.to_owned());
    for name in manifest.map(|known| known.retired.as_slice()).unwrap_or_default() {
        folder.remove(name)?;
    }
    let wrong = |error: io::Error| failure(path, "listed", &error);
    let left = match fs::read_dir(workplaces(path)?) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(wrong)?,
    };
    for entry in left {
        let inside = entry.map_err(wrong)?.path();
        let load_id = inside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = File::options().write(true).open(inside.join(LOCK));
        if lock.as_ref().is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            continue;
        }
        // A file may have been moved to its place without having been published.
        let orphan = format!("part-{load_id}.");
        for name in folder.names()? {
            let is_orphan = name.rsplit('/').next().unwrap_or(&name).starts_with(&orphan);
            if is_orphan && !manifest.is_some_and(|known| known.names(&name)) {
                folder.remove(&name)?;
            }
        }
        fs::remove_dir_all(&inside).map_err(|error| failure(&inside, "removed", &error))?;
        leave(&inside);
    }
    Ok(())
}
