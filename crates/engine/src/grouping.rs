//! Rows of one frame that have the same key, found column by column: of many rows only the first of each group needs a
//! key that stands for it among all rows (`key`). Exact, and alike is what is alike there: nulls are, too.

use crate::key::{STATE, numbers};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::NullBuffer;
use hashbrown::HashTable;

/// Numbers that lie so close, and combinations of columns that are so few, are counted through and not hashed.
const PLACES: usize = 1 << 16;

/// How many texts are remembered as the latest.
const LATEST: usize = 128;

/// The groups of a frame's rows.
pub(crate) struct KeyGroups {
    /// The first row of each group, in the order of the rows.
    pub(crate) first: Vec<u32>,
    /// The group of each row.
    pub(crate) group: Vec<u32>,
}

impl KeyGroups {
    /// Nothing where that saves little, or where only whole keys can be compared.
    pub(crate) fn of(columns: &[ArrayRef], rows: usize) -> Option<Self> {
        let mut place = vec![0_u32; rows];
        let mut places = 1;
        for column in columns {
            let own = match column.as_string_opt::<i32>() {
                Some(texts) => of_texts(texts, rows / 2)?,
                None => numbers(column).and_then(|(values, nulls)| of_numbers(&values, nulls.as_ref()))?,
            };
            if own.first.len() * places > PLACES {
                let known = counted(&place, |place| *place as usize, places)?;
                (place, places) = (known.group, known.first.len());
            }
            let width = u32::try_from(own.first.len()).ok()?;
            place.iter_mut().zip(&own.group).for_each(|(place, group)| *place = *place * width + group);
            places *= own.first.len();
            if places > PLACES {
                return None;
            }
        }
        let all = counted(&place, |place| *place as usize, places)?;
        (all.first.len() <= rows / 2).then_some(all)
    }
}

/// Groups of values by their place among so many.
fn counted<T>(values: &[T], place: impl Fn(&T) -> usize, places: usize) -> Option<KeyGroups> {
    // One more than the group that has the place; 0 is none.
    let mut groups = vec![0_u32; places];
    let mut all = KeyGroups { first: Vec::new(), group: Vec::with_capacity(values.len()) };
    for (row, value) in (0..).zip(values) {
        let group = groups.get_mut(place(value))?;
        if *group == 0 {
            all.first.push(row);
            *group = u32::try_from(all.first.len()).ok()?;
        }
        all.group.push(*group - 1);
    }
    Some(all)
}

fn of_numbers(values: &[i64], nulls: Option<&NullBuffer>) -> Option<KeyGroups> {
    let smallest = values.iter().min().copied().unwrap_or(0);
    let span = values.iter().max().copied().unwrap_or(0).checked_sub(smallest)?;
    let span = usize::try_from(span).ok().filter(|span| *span < PLACES)?;
    let place = |value: i64| usize::try_from(value - smallest).unwrap_or(usize::MAX);
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
        return counted(values, |value| place(*value), span + 1);
    };
    // The last place is that of the nulls.
    let rows: Vec<(bool, i64)> = nulls.iter().zip(values.iter().copied()).collect();
    counted(&rows, |(valid, value)| if *valid { place(*value) } else { span + 1 }, span + 2)
}

/// What a text is known by: up to 16 bytes it is the text itself, of longer ones a hash; and its length.
type Mark = (u128, usize);

fn mark(values: &[u8], from: usize, len: usize) -> Option<Mark> {
    let rest = values.get(from..)?;
    if len > 16 {
        return Some((u128::from(STATE.hash_one(rest.get(..len)?)), len));
    }
    // Sixteen bytes at once, and then without what belongs to the next text.
    let mut bytes = [0; 16];
    match rest.first_chunk() {
        Some(chunk) => bytes = *chunk,
        None => bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from),
    }
    let kept = u128::MAX.checked_shr(u32::try_from(128 - 8 * len).ok()?).unwrap_or(0);
    Some((u128::from_le_bytes(bytes) & kept, len))
}

/// Where a text is remembered as one of the latest.
fn slot((bytes, len): Mark) -> usize {
    let [start, end] = [bytes, bytes >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    let mixed = (start ^ end.rotate_left(23) ^ len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or(0) % LATEST
}

fn of_texts(texts: &StringArray, most: usize) -> Option<KeyGroups> {
    let (offsets, values) = (texts.value_offsets(), texts.value_data());
    let nulls = texts.nulls().filter(|nulls| nulls.null_count() > 0);
    let place = |row: usize| {
        let (from, to) = (offsets.get(row).copied()?, offsets.get(row + 1).copied()?);
        Some((usize::try_from(from).ok()?, usize::try_from(to).ok()?))
    };
    let text = |row: usize| place(row).and_then(|(from, to)| values.get(from..to));
    let mut known: HashTable<(Mark, u32)> = HashTable::new();
    // Most texts came a few rows ago.
    let mut latest = [((0, usize::MAX), 0); LATEST];
    let mut null = None;
    let mut next = 0;
    let mut all = KeyGroups { first: Vec::new(), group: Vec::with_capacity(texts.len()) };
    for (row, at) in (0_u32..).zip(0..texts.len()) {
        let of = if nulls.is_some_and(|nulls| nulls.is_null(at)) {
            *null.get_or_insert(next)
        } else {
            let (from, to) = place(at)?;
            let mark = mark(values, from, to.checked_sub(from)?)?;
            let first = &all.first;
            let same =
                |of: u32| mark.1 <= 16 || first.get(of as usize).is_some_and(|row| text(*row as usize) == text(at));
            let latest = latest.get_mut(slot(mark))?;
            if latest.0 != mark || !same(latest.1) {
                let hash = STATE.hash_one(mark);
                let found = known.find(hash, |(other, of)| *other == mark && same(*of)).map(|(_, of)| *of);
                if found.is_none() {
                    known.insert_unique(hash, (mark, next), |(mark, _)| STATE.hash_one(mark));
                }
                *latest = (mark, found.unwrap_or(next));
            }
            latest.1
        };
        if of == next {
            all.first.push(row);
            next += 1;
            if all.first.len() > most {
                return None;
            }
        }
        all.group.push(of);
    }
    Some(all)
}
