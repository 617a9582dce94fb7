//! The workdir of a load or a compaction: a folder of its own for what is not visible yet, and the way from there
//! into the dataset's folder.
//!
//! Dropping it removes what was written. Killed anywhere, the dataset reads as before, and the next load cleans up.

use super::folder::{Folder, LEASES, Version};
use super::manifest::{FILE, Manifest};
use super::orphans::{is_of, refuse_foreign, token_of};
use super::publish::commit_locally;
use super::workdirs::{LOCK, create, leave, workdirs};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use windvane_connect::disk::{self, failure};
use windvane_connect::objects::{Listed, Store};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::schema::digest;

const LEASE_SECONDS: u64 = 3600;

/// A folder that the caller fills, and the dataset's folder.
pub(super) struct Workdir {
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

impl Drop for Workdir {
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

impl Workdir {
    /// A workdir in a dataset's folder. The caller holds the lock of a local one.
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
                let inside = workdirs(path)?.join(load_id);
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

    /// Makes the manifest the folder's with these files of the workdir, if the last one (`known`, of this version)
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
                let done = commit_locally(path, &self.inside, fresh, &next, known, before)?;
                for name in next.retired.iter().filter(|_| done) {
                    let _ = self.folder.remove(name);
                }
                return Ok(done);
            }
        };
        let Version::Object(before) = before else {
            return Err(Error::internal("an object met the version of a folder"));
        };
        refuse_foreign(&self.folder, known, &next)?;
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
        if !store.swap(&format!("{key}/{FILE}"), next.text()?, before).map_err(unsure)? {
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
