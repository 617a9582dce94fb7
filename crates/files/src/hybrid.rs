//! Small numbers as Parquet packs them: runs of one value, and groups of eight whose bits stand side by side.

use arrow::buffer::BooleanBuffer;

/// From so many on a run is written as one.
const RUN: usize = 8;
/// Groups of eight that stand together: their number then takes one byte, as in the files of others.
const GROUPS: usize = 63;

/// Appends numbers of `width` bits.
pub(super) fn pack(out: &mut Vec<u8>, values: &[u32], width: u8) {
    let (mut from, mut at) = (0, 0);
    while let Some(first) = values.get(at) {
        let run = values[at..].iter().take_while(|value| *value == first).count();
        if run >= RUN {
            side_by_side(out, &values[from..at], width);
            repeated(out, *first, run, width);
            at += run;
            from = at;
        } else {
            at = (at + 8).min(values.len());
        }
    }
    side_by_side(out, &values[from..], width);
}

/// Appends which rows have a value, with the length before it; `rows` of them where all have.
pub(super) fn levels(out: &mut Vec<u8>, valid: Option<&BooleanBuffer>, rows: usize) {
    let start = out.len();
    out.extend([0; 4]);
    match valid {
        None => repeated(out, 1, rows, 1),
        // Arrow's bits stand as Parquet wants them.
        Some(valid) => {
            let bits = valid.sliced();
            for bytes in bits.as_slice()[..rows.div_ceil(8)].chunks(GROUPS) {
                head(out, bytes.len() << 1 | 1);
                out.extend_from_slice(bytes);
            }
        }
    }
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn repeated(out: &mut Vec<u8>, value: u32, count: usize, width: u8) {
    head(out, count << 1);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
}

fn side_by_side(out: &mut Vec<u8>, values: &[u32], width: u8) {
    for values in values.chunks(8 * GROUPS) {
        let groups = values.len().div_ceil(8);
        head(out, groups << 1 | 1);
        let (mut bits, mut held) = (0_u64, 0);
        let filled = values.iter().copied().chain(std::iter::repeat_n(0, groups * 8 - values.len()));
        for value in filled {
            bits |= u64::from(value) << held;
            held += u32::from(width);
            if held >= 32 {
                out.extend_from_slice(&bits.to_le_bytes()[..4]);
                bits >>= 32;
                held -= 32;
            }
        }
        // Eight times anything is whole bytes.
        out.extend_from_slice(&bits.to_le_bytes()[..held.div_ceil(8) as usize]);
    }
}

/// A number in groups of seven bits, the lowest first.
fn head(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{levels, pack};
    use arrow::buffer::BooleanBuffer;

    /// As any reader would.
    fn unpack(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut number, mut shift) = (0_usize, 0);
            loop {
                let (byte, rest) = bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest));
                bytes = rest;
                number |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if number & 1 == 0 {
                let (own, rest) = bytes.split_at(usize::from(width.div_ceil(8)));
                let value = own.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                values.extend(std::iter::repeat_n(value, number >> 1));
                bytes = rest;
            } else {
                let (own, rest) = bytes.split_at((number >> 1) * usize::from(width));
                let bit = |at: usize| u32::from(own[at / 8] >> (at % 8) & 1);
                for value in 0..(number >> 1) * 8 {
                    let at = value * usize::from(width);
                    values.push((0..usize::from(width)).fold(0, |sum, place| sum | bit(at + place) << place));
                }
                bytes = rest;
            }
        }
        values.truncate(count);
        values
    }

    #[test]
    fn what_is_packed_is_read_again() {
        for width in 1..=20_u8 {
            for count in [0, 1, 7, 8, 9, 503, 504, 505, 3000] {
                for run in [1, 3, 8, 11, 700] {
                    let mixed = |at: usize| u32::try_from(at / run * 2_654_435_761 % (1 << width)).unwrap_or(0);
                    let values: Vec<u32> = (0..count).map(mixed).collect();
                    let mut bytes = Vec::new();
                    pack(&mut bytes, &values, width);
                    assert_eq!(unpack(&bytes, width, count), values, "{width} bits, {count} values, runs of {run}");
                }
            }
        }
        let mut bytes = Vec::new();
        pack(&mut bytes, &[0; 9], 0);
        assert_eq!(unpack(&bytes, 0, 9), [0; 9]);
    }

    #[test]
    fn levels_are_ones_and_noughts() {
        for rows in [1, 8, 9, 1000] {
            let valid: Vec<bool> = (0..rows + 3).map(|row| row % 3 == 0).collect();
            let sliced = BooleanBuffer::from(valid.clone()).slice(3, rows);
            let mut bytes = vec![9];
            levels(&mut bytes, Some(&sliced), rows);
            let expected: Vec<u32> = valid[3..].iter().map(|valid| u32::from(*valid)).collect();
            assert_eq!(unpack(&bytes[5..], 1, rows), expected);
            bytes.clear();
            levels(&mut bytes, None, rows);
            assert_eq!(unpack(&bytes[4..], 1, rows), vec![1; rows]);
            assert_eq!(
                usize::try_from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
                Ok(bytes.len() - 4)
            );
        }
    }
}
