//! How much of a file is read at a time.

/// By one reader, and by one of several threads. The rows are the same whatever they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portions {
    pub(super) read_size: usize,
    pub(super) chunk: u64,
}

impl Default for Portions {
    fn default() -> Self {
        Self { read_size: 256 << 10, chunk: 4 << 20 }
    }
}
