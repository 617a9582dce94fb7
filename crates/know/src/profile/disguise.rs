//! Numbers written as text: `5,179`, `16%`, `$3.2k`, `1.100,50`, `(1 200)`, and `n/a` among them.
//!
//! Each different value is read by both conventions, the point's and the comma's. A value that only one of them reads says
//! which it is; where none does (`5,179` is five thousand or five and a bit) that stands in the answer.

use super::figures::NumberFormat;
use super::semantic::SAMPLE;
use std::collections::BTreeSet;

/// Currency signs; letters (`EUR`) are no signs.
const SIGNS: &str = "$€£¥₹₽₩₺₪₫฿₴₦₱¢";
/// What thousands are divided by besides the other convention's mark.
const SPACES: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];
/// Spellings of what is not there, in small letters.
const MISSING: [&str; 18] = [
    "n/a", "na", "n.a.", "n.a", "#n/a", "nan", "null", "#null!", "none", "nil", "-", "--", "–", "—", "?", "..",
    "missing", "unknown",
];
/// Spellings that are kept for the answer.
const SPELLINGS: usize = 10;

/// A text as a number.
#[derive(Default, Clone, PartialEq, Debug)]
struct Written {
    currency: Option<char>,
    percent: bool,
    scaled: bool,
    grouping: Option<char>,
    /// Whether a decimal mark stands in it.
    broken: bool,
    /// Whether it is digits, a sign and a point, which anybody reads.
    plain: bool,
}

#[derive(Default)]
pub(super) struct Disguise {
    seen: u32,
    read: [u32; 2],
    /// Texts that one convention alone reads.
    alone: [u32; 2],
    /// Texts that both read, as different numbers.
    open: u32,
    dressed: u32,
    marks: [BTreeSet<char>; 2],
    broken: [bool; 2],
    currencies: BTreeSet<char>,
    percent: u32,
    scaled: bool,
    missing: BTreeSet<String>,
}

impl Disguise {
    /// Takes in a value that was not seen before.
    pub(super) fn observe(&mut self, text: &str) {
        // Nothing of the first hundred is a number: stop looking.
        if self.seen >= SAMPLE || self.seen >= 100 && self.read == [0, 0] {
            return;
        }
        let text = text.trim();
        if text.is_empty() || MISSING.contains(&text.to_lowercase().as_str()) {
            if self.missing.len() < SPELLINGS {
                self.missing.insert(text.to_owned());
            }
            return;
        }
        self.seen += 1;
        let both = [read(text, '.'), read(text, ',')];
        for (at, written) in both.iter().enumerate() {
            let Some(written) = written else { continue };
            self.read[at] += 1;
            self.marks[at].extend(written.grouping);
            self.broken[at] |= written.broken;
        }
        match &both {
            [None, None] => return,
            [Some(_), None] => self.alone[0] += 1,
            [None, Some(_)] => self.alone[1] += 1,
            [Some(point), Some(comma)] => self.open += u32::from(point.broken != comma.broken),
        }
        let [point, comma] = both;
        let Some(written) = point.or(comma) else { return };
        self.dressed += u32::from(!written.plain);
        self.currencies.extend(written.currency);
        self.percent += u32::from(written.percent);
        self.scaled |= written.scaled;
    }

    /// How the numbers are written; nothing where fewer than nine values in ten are numbers, or nothing disguises them.
    pub(super) fn format(self) -> Option<NumberFormat> {
        let at = usize::from(self.read[1] > self.read[0]);
        let share = f64::from(self.read[at]) / f64::from(self.seen.max(1));
        if self.read[at] == 0 || share < 0.9 || self.dressed == 0 && self.missing.is_empty() {
            return None;
        }
        let marked = self.broken[at] || self.marks[at].iter().any(|mark| !SPACES.contains(mark));
        let ambiguous = self.open > 0 && self.alone[at] == 0;
        Some(NumberFormat {
            decimal: marked.then(|| if at == 0 { "." } else { "," }.to_owned()),
            grouping: self.marks[at].iter().next().map(char::to_string),
            currency: self.currencies.iter().next().filter(|_| self.currencies.len() == 1).map(char::to_string),
            percent: self.percent * 10 >= self.read[at] * 9,
            scaled: self.scaled,
            missing: self.missing.into_iter().collect(),
            ambiguous,
            // Three digits behind each of many marks are thousands far oftener than thousandths.
            confidence: if ambiguous { share * 0.8 } else { share },
        })
    }
}

/// The text as a number whose decimal mark this is.
fn read(text: &str, decimal: char) -> Option<Written> {
    let mut written = Written::default();
    let bracketed = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let mut rest = bracketed.unwrap_or(text).trim();
    let signed = rest.strip_prefix(['-', '+', '\u{2212}']);
    rest = signed.unwrap_or(rest).trim_start();
    if let Some(sign) = rest.chars().next().filter(|sign| SIGNS.contains(*sign)) {
        written.currency = Some(sign);
        rest = rest[sign.len_utf8()..].trim_start();
        // `$-5` as well as `-$5`.
        rest = rest.strip_prefix('-').filter(|_| signed.is_none()).unwrap_or(rest);
    } else if let Some(sign) = rest.chars().next_back().filter(|sign| SIGNS.contains(*sign)) {
        written.currency = Some(sign);
        rest = rest[..rest.len() - sign.len_utf8()].trim_end();
    } else if let Some(number) = rest.strip_suffix('%') {
        written.percent = true;
        rest = number.trim_end();
    }
    // Of money alone: `5M` may be five metres, or a size.
    if written.currency.is_some() {
        let scaled = ["bn", "mn", "k", "K", "m", "M", "B"].iter().find_map(|scale| rest.strip_suffix(scale));
        written.scaled = scaled.is_some();
        rest = scaled.map_or(rest, str::trim_end);
    }
    let (whole, places) = rest.split_once(decimal).map_or((rest, None), |(whole, places)| (whole, Some(places)));
    written.broken = places.is_some();
    let other = if decimal == '.' { ',' } else { '.' };
    written.grouping = whole.chars().find(|letter| !letter.is_ascii_digit());
    if !is_whole(whole, written.grouping, other) {
        return None;
    }
    let places_fit = places.is_none_or(|places| !places.is_empty() && digits(places));
    let dress = bracketed.is_some() || written.currency.is_some() || written.percent || written.grouping.is_some();
    written.plain = !dress && (decimal == '.' || !written.broken);
    places_fit.then_some(written)
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this is a whole number, whose thousands `mark` divides if it is there. One that begins with a needless zero is a
/// code.
fn is_whole(whole: &str, mark: Option<char>, other: char) -> bool {
    if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') {
        return false;
    }
    let Some(mark) = mark else { return true };
    let groups: Vec<&str> = whole.split(mark).collect();
    let [first, inner @ .., last] = groups.as_slice() else { return false };
    let thousands = inner.iter().all(|group| group.len() == 3) && (1..=3).contains(&first.len());
    // Lakh and crore: `4,85,873`.
    let lakhs = mark == ',' && inner.iter().all(|group| group.len() == 2) && (1..=2).contains(&first.len());
    let known = mark == other || SPACES.contains(&mark);
    known && last.len() == 3 && (thousands || lakhs) && groups.iter().all(|group| digits(group))
}
