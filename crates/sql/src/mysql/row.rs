//! One row of the binary protocol, cut into its values.

use super::failure::not_understood;
use super::wire::{Wire, put};
use windvane_connect::batch_builder::BatchBuilder;
use windvane_core::error::Result;

/// How the values of a column are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Fixed(usize),
    /// A length in one byte, which belongs to the value.
    Moment,
    /// A length before it, in one byte or more.
    Counted,
}

impl Shape {
    /// Of a column's description: six texts, then the type behind a length, the letters and the width.
    pub(super) fn of(description: &[u8]) -> Option<Self> {
        let mut rest = description;
        for _ in 0..6 {
            (_, rest) = counted(rest)?;
        }
        Some(match rest.get(7)? {
            0x01 => Self::Fixed(1),
            0x02 | 0x0d => Self::Fixed(2),
            0x03 | 0x04 | 0x09 => Self::Fixed(4),
            0x05 | 0x08 => Self::Fixed(8),
            0x07 | 0x0a | 0x0b | 0x0c => Self::Moment,
            _ => Self::Counted,
        })
    }
}

/// Adds the row of a packet; true when the batch should be taken.
pub(super) fn add(packet: &[u8], shapes: &[Shape], wires: &[Wire], builder: &mut BatchBuilder) -> Result<bool> {
    if shapes.len() != wires.len() {
        return Err(not_understood());
    }
    // A zero, then a bit for every column that is null, from the third on.
    let (nulls, mut rest) =
        packet.get(1..).and_then(|rest| rest.split_at_checked((shapes.len() + 9) / 8)).ok_or_else(not_understood)?;
    for (column, (shape, wire)) in shapes.iter().zip(wires).enumerate() {
        let bit = column + 2;
        if nulls[bit / 8] >> (bit % 8) & 1 == 1 {
            builder.null(column);
            continue;
        }
        let cut = match shape {
            Shape::Fixed(length) => rest.split_at_checked(*length),
            Shape::Moment => rest.first().and_then(|length| rest.split_at_checked(usize::from(*length) + 1)),
            Shape::Counted => counted(rest),
        };
        let (value, after) = cut.ok_or_else(not_understood)?;
        put(*wire, value, column, builder)?;
        rest = after;
    }
    if rest.is_empty() { Ok(builder.end_row()) } else { Err(not_understood()) }
}

/// What a length announces, and what follows it.
#[inline]
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let wide = match first {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        length => return rest.split_at_checked(usize::from(*length)),
    };
    let (length, rest) = rest.split_at_checked(wide)?;
    let length = length.iter().rev().fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests;
