//! The store in a file, from outside: what several processes may do to it at once is done by several stores.
#![cfg(test)]

mod breakers;
mod file;
mod loads;
mod paces;
mod windows;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use windvane_store::Store;

/// A folder for one store, which goes with it.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("windvane-store-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("store.db")
    }

    /// As another process would see it: a connection of its own.
    fn store(&self) -> Store {
        Store::at(&format!("sqlite://{}", self.file().display())).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(Path::new(&self.0)));
    }
}
