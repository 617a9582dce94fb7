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
        let (parts, _) = bytes.as_chunks::<16>();
        parts.iter().enumerate().fold(0, |mask, (at, part)| mask | (u64::from(self.sixteen(*part)) << (16 * at)))
    }

    /// The same of fewer bytes.
    pub(super) fn of_rest(self, bytes: &[u8]) -> u64 {
        let one = |byte: u8| byte == self.delimiter || byte == self.quote || matches!(byte, b'\n' | b'\r');
        bytes.iter().take(BLOCK).enumerate().fold(0, |mask, (at, byte)| mask | (u64::from(one(*byte)) << at))
    }

    #[cfg(target_arch = "x86_64")]
    fn sixteen(self, bytes: [u8; 16]) -> u16 {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};
        let whole = i128::from_le_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the bytes")]
        let bytes = _mm_set_epi64x((whole >> 64) as i64, whole as i64);
        let equal = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        let fields = _mm_or_si128(equal(self.delimiter), equal(self.quote));
        let lines = _mm_or_si128(equal(b'\n'), equal(b'\r'));
        let mask = _mm_movemask_epi8(_mm_or_si128(fields, lines)).cast_unsigned();
        u16::try_from(mask & 0xFFFF).unwrap_or(0)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn sixteen(self, bytes: [u8; 16]) -> u16 {
        u16::try_from(self.of_rest(&bytes) & 0xFFFF).unwrap_or(0)
    }
}
