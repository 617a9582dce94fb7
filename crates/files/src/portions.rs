//! How much of a file is read at a time.

/// By one reader, and by one of several threads. The rows are the same whatever they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portions {
    pub(super) chunk: usize,
    pub(super) stretch: u64,
}

impl Default for Portions {
    fn default() -> Self {
        Self { chunk: 256 << 10, stretch: 4 << 20 }
    }
}
