//! Where the bytes stand that divide delimited text, 64 at a time.

/// How many bytes one mask speaks for.
pub(super) const BLOCK: usize = 64;

/// The bytes that are looked for, besides line ends.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    delimiter: u8,
    quote: u8,
}

impl Marks {
    pub(super) fn new(delimiter: u8, quote: Option<u8>) -> Self {
        Self { delimiter, quote: quote.unwrap_or(delimiter) }
    }

    /// One bit for each byte that divides.
    pub(super) fn of(self, bytes: &[u8; BLOCK]) -> u64 {
        // All four comparisons of every byte: without branches the compiler turns this into vector instructions.
        let is = |byte: u8, wanted: u8| u8::from(byte == wanted);
        let flags =
            bytes.map(|byte| is(byte, self.delimiter) | is(byte, self.quote) | is(byte, b'\n') | is(byte, b'\r'));
        let (words, _) = flags.as_chunks::<8>();
        words.iter().enumerate().fold(0, |mask, (at, word)| {
            // The product moves the lowest bit of each byte into the highest byte, in order.
            let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask | (bits << (8 * at))
        })
    }

    /// The same of fewer bytes.
    pub(super) fn of_rest(self, bytes: &[u8]) -> u64 {
        let bits = bytes.iter().take(BLOCK).enumerate();
        bits.fold(0, |mask, (at, byte)| mask | (u64::from(self.divides(*byte)) << at))
    }

    fn divides(self, byte: u8) -> bool {
        byte == self.delimiter || byte == self.quote || byte == b'\n' || byte == b'\r'
    }
}
