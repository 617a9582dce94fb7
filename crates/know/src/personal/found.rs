//! What is found in a text.

/// A personal value in a text, from byte to byte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub kind: &'static str,
    pub start: usize,
    pub end: usize,
    /// From 0 to 1.
    pub confidence: f64,
}
