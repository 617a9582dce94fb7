//! A file of this process, written anew for every try.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;

/// Where `name` holds these bytes now.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let thread = std::thread::current();
    let path = std::env::temp_dir().join(format!("windvane-fuzz-{}-{:?}-{name}", std::process::id(), thread.id()));
    let written = std::fs::write(&path, bytes);
    assert!(written.is_ok(), "{} can be written: {written:?}", path.display());
    path
}

/// The pieces one after the other, each compressed for itself: whoever reads them gets them piece by piece.
pub(crate) fn compressed(pieces: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        let mut encoder = GzEncoder::new(&mut all, Compression::none());
        let done = encoder.write_all(piece).and_then(|()| encoder.finish().map(drop));
        assert!(done.is_ok());
    }
    all
}
