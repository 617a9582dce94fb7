//! Bytes as choices: a target that needs more than a text takes them from the front.

pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl<'a> Choices<'a> {
    /// Zero where nothing is left.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(usize::from(self.byte()) % of.len().max(1)).copied()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// At most so many.
    pub(crate) fn some(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(self.0.len().min(most));
        self.0 = rest;
        taken
    }
}

/// The same bytes, cut before each place that a byte of `cuts` says.
pub(crate) fn cut<'a>(mut bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in cuts {
        let (piece, rest) = bytes.split_at(bytes.len().min(usize::from(*length)));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}
