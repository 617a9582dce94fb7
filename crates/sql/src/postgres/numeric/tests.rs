//! Numerics against a model that knows nothing but strings of digits.

use super::*;
use proptest::prelude::*;

/// A number as it is written: sign, digits before the point (no zeros in front), digits behind it.
#[derive(Debug, Clone)]
struct Written {
    negative: bool,
    whole: String,
    fraction: String,
}

fn digits(most: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[0-9]{{0,{most}}}")).unwrap()
}

fn written(most_whole: usize, most_fraction: usize) -> impl Strategy<Value = Written> {
    let zeros = prop_oneof![3 => Just(String::new()), 1 => "0{1,9}"];
    let whole = (digits(most_whole), zeros.clone()).prop_map(|(digits, zeros)| digits + &zeros);
    let fraction = (zeros, digits(most_fraction)).prop_map(|(zeros, digits)| zeros + &digits);
    (any::<bool>(), whole, fraction).prop_map(|(negative, whole, fraction)| {
        let whole = whole.trim_start_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.bytes().all(|byte| byte == b'0');
        Written { negative: negative && !zero, whole, fraction }
    })
}

impl Written {
    /// As the server sends it: groups of four digits around the point, none of zeros at the ends.
    fn sent(&self) -> Vec<u8> {
        let front = (4 - self.whole.len() % 4) % 4;
        let back = (4 - self.fraction.len() % 4) % 4;
        let digits = format!("{}{}{}{}", "0".repeat(front), self.whole, self.fraction, "0".repeat(back));
        let groups: Vec<u16> = (0..digits.len()).step_by(4).map(|at| digits[at..at + 4].parse().unwrap()).collect();
        let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
        let last = groups.iter().rposition(|group| *group != 0).map_or(first, |last| last + 1);
        let weight = (front + self.whole.len()).div_ceil(4) as i64 - 1 - first as i64;
        let kept = &groups[first..last];
        let weight = if kept.is_empty() { 0 } else { weight };
        let mut out = Vec::new();
        out.extend(u16::try_from(kept.len()).unwrap().to_be_bytes());
        out.extend(i16::try_from(weight).unwrap().to_be_bytes());
        out.extend(if self.negative { NEGATIVE } else { 0 }.to_be_bytes());
        out.extend(u16::try_from(self.fraction.len()).unwrap().to_be_bytes());
        out.extend(kept.iter().flat_map(|group| group.to_be_bytes()));
        out
    }

    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        let point = if self.fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{}", self.fraction)
    }

    /// In units of the last of `scale` digits, where at most `precision` digits say it.
    fn unscaled(&self, precision: usize, scale: usize) -> Option<i128> {
        let (kept, cut) = self.fraction.split_at(scale.min(self.fraction.len()));
        let digits = format!("{}{kept:0<scale$}", self.whole);
        let digits = digits.trim_start_matches('0');
        if cut.bytes().any(|byte| byte != b'0') || digits.len() > precision {
            return None;
        }
        let value: i128 = if digits.is_empty() { 0 } else { digits.parse().unwrap() };
        Some(if self.negative { -value } else { value })
    }
}

proptest! {
    #[test]
    fn a_numeric_is_the_number_that_its_digits_say(
        number in prop_oneof![written(12, 6), written(45, 24)], precision in 1_u8..=38, part in 0_u8..=38,
    ) {
        let scale = part % (precision + 1);
        let decoded = Digits::new(precision, scale.cast_signed()).decode(&number.sent());
        prop_assert_eq!(decoded, number.unscaled(precision.into(), scale.into()), "{}", number.text());
    }

    #[test]
    fn a_number_that_does_not_fit_is_shown_as_it_is(number in written(45, 24)) {
        let shown = refusal(&number.sent(), DataType::Decimal { precision: 1, scale: 0 });
        prop_assert_eq!(shown.text, number.text());
    }

    #[test]
    fn what_is_sent_is_what_the_server_sends(number in written(38, 20), scale in 0_usize..=38) {
        let Some(value) = number.unscaled(38, scale) else { return Ok(()) };
        let mut out = Vec::new();
        encode(value, i8::try_from(scale).unwrap(), &mut out);
        let fraction = format!("{:0<1$}", number.fraction, scale)[..scale].to_owned();
        let expected = Written { fraction, ..number }.sent();
        prop_assert_eq!(&out[..4], i32::try_from(expected.len()).unwrap().to_be_bytes());
        prop_assert_eq!(&out[4..], expected);
    }

    #[test]
    fn a_cut_numeric_is_none(number in written(30, 10), keep in any::<prop::sample::Index>()) {
        let sent = number.sent();
        let cut = &sent[..keep.index(sent.len())];
        prop_assert_eq!(Digits::new(38, 9).decode(cut), None);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), scale in 0_i8..=38) {
        let _ = Digits::new(38, scale).decode(&bytes);
        let _ = refusal(&bytes, DataType::Decimal { precision: 38, scale });
    }
}

#[test]
fn what_is_no_number_is_refused_by_its_name() {
    for (sign, name) in [(NAN, "NaN"), (INFINITY, "Infinity"), (MINUS_INFINITY, "-Infinity")] {
        let sent = [&[0, 0, 0, 0][..], &sign.to_be_bytes(), &[0, 0]].concat();
        assert_eq!(Digits::new(38, 2).decode(&sent), None);
        assert_eq!(refusal(&sent, DataType::Decimal { precision: 38, scale: 2 }).text, name);
    }
}
