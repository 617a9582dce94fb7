//! Whole numbers of any size, reckoned as one learns it at school: nothing of the engine's is in it.

use std::cmp::Ordering;

/// Digits from the last one to the first, without zeros in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Big {
    negative: bool,
    digits: Vec<u8>,
}

impl Big {
    fn new(negative: bool, mut digits: Vec<u8>) -> Self {
        digits.truncate(digits.iter().rposition(|digit| *digit != 0).map_or(0, |at| at + 1));
        Self { negative: negative && !digits.is_empty(), digits }
    }

    pub(crate) fn of(value: i128) -> Self {
        let digits = value.unsigned_abs().to_string().bytes().rev().map(|byte| byte - b'0').collect();
        Self::new(value < 0, digits)
    }

    /// With so many zeros behind it.
    pub(crate) fn shifted(&self, zeros: usize) -> Self {
        Self::new(self.negative, [vec![0; zeros], self.digits.clone()].concat())
    }

    pub(crate) fn negated(&self) -> Self {
        Self::new(!self.negative, self.digits.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.digits.len()
    }

    /// Where an i128 holds it.
    pub(crate) fn value(&self) -> Option<i128> {
        let text: String = self.digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
        let sign = if self.negative { "-" } else { "" };
        if text.is_empty() { Some(0) } else { format!("{sign}{text}").parse().ok() }
    }

    fn size(&self, other: &Self) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| self.digits.iter().rev().cmp(other.digits.iter().rev()))
    }

    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.size(other),
            (true, true) => other.size(self),
            (one, _) => {
                if one {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        let at = |number: &Self, place: usize| number.digits.get(place).copied().unwrap_or(0);
        let places = self.len().max(other.len()) + 1;
        let mut digits = Vec::with_capacity(places);
        if self.negative == other.negative {
            let mut carried = 0;
            for place in 0..places {
                let sum = at(self, place) + at(other, place) + carried;
                digits.push(sum % 10);
                carried = sum / 10;
            }
            return Self::new(self.negative, digits);
        }
        let (large, small) = if self.size(other).is_lt() { (other, self) } else { (self, other) };
        let mut borrowed = 0;
        for place in 0..places {
            let less = at(small, place) + borrowed;
            borrowed = u8::from(at(large, place) < less);
            digits.push(at(large, place) + 10 * borrowed - less);
        }
        Self::new(large.negative, digits)
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut sum = Self::of(0);
        for (place, digit) in other.digits.iter().enumerate() {
            for _ in 0..*digit {
                sum = sum.plus(&Self::new(false, self.digits.clone()).shifted(place));
            }
        }
        Self::new(self.negative != other.negative, sum.digits)
    }

    /// The quotient, cut towards zero, and what is left.
    pub(crate) fn divided(&self, by: &Self) -> (Self, Self) {
        let (by, mut rest) = (Self::new(false, by.digits.clone()), Self::new(false, self.digits.clone()));
        let mut quotient = vec![0; self.len()];
        for place in (0..self.len()).rev() {
            let step = by.shifted(place);
            while rest.size(&step).is_ge() {
                rest = rest.plus(&step.negated());
                quotient[place] += 1;
            }
        }
        (Self::new(false, quotient), Self::new(self.negative, rest.digits))
    }
}

#[test]
fn it_reckons() {
    for (one, other) in [(123_i128, -7_i128), (-1000, 999), (0, 5), (99_999, 99_999), (-8, -3), (1, -1)] {
        let (big, small) = (Big::of(one), Big::of(other));
        assert_eq!(big.plus(&small).value(), Some(one + other));
        assert_eq!(big.times(&small).value(), Some(one * other));
        let (quotient, rest) = big.divided(&small);
        assert_eq!((quotient.value(), rest.value()), (Some((one / other).abs()), Some(one % other)));
        assert_eq!(big.order(&small), one.cmp(&other));
    }
}
