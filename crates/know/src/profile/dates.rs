//! Dates and times written as text: which strftime formats fit them all without guessing.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::schema::DataType;
use windvane_core::spec::step::Parse;

/// Formats that are tried. The pairs of day-first and month-first formats are told apart by days above 12; when no value
/// tells, neither is chosen.
const FORMATS: [&str; 26] = [
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%H:%M:%S",
];

/// Formats that read the same texts with day and month swapped.
const SWAPPED: [(&str, &str); 5] = [
    ("%d/%m/%Y", "%m/%d/%Y"),
    ("%d-%m-%Y", "%m-%d-%Y"),
    ("%d/%m/%y", "%m/%d/%y"),
    ("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"),
    ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
];

/// Formats whose year of two digits stands last; the same texts may begin with it.
const SHORT: [&str; 2] = ["%d/%m/%y", "%m/%d/%y"];

/// Of so many values one may be a slip.
const SLIPS: usize = 10;

/// Which formats fit which of the sampled texts, as one bit a format.
#[derive(Default)]
pub(super) struct Dates {
    fits: Vec<u32>,
    seen: usize,
    ends: Ends,
}

/// What stands first and last in `24/10/15`: of days there are many, of years few; and how many of the texts end in what is no
/// day of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ends {
    first: BTreeSet<String>,
    last: BTreeSet<String>,
    proofs: usize,
    count: usize,
}

impl Ends {
    fn see(&mut self, text: &str) {
        if let [first, _, last] = text.split('/').collect::<Vec<_>>()[..] {
            self.first.insert(first.to_owned());
            self.last.insert(last.to_owned());
            self.proofs += usize::from(!last.parse().is_ok_and(|day| (1..32).contains(&day)));
            self.count += 1;
        }
    }

    /// Whether the year stands first as likely as not; where texts were read with it at the end, more likely than that.
    fn begin_with_years(&self, known: bool) -> bool {
        let (days, years) = (self.first.len(), self.last.len());
        let turned = if known { years > 4 && years > 2 * days } else { years >= days };
        self.count > 0 && self.proofs * SLIPS <= self.count && turned
    }
}

impl Dates {
    pub(super) fn observe(&mut self, text: &str) {
        self.seen += 1;
        // Nothing of the first hundred is a date: stop looking.
        if self.seen > 100 && self.fits.is_empty() {
            return;
        }
        let text = text.trim();
        if !(6..=25).contains(&text.len()) || !text.contains(|character: char| character.is_ascii_digit()) {
            return;
        }
        let mut bits = 0;
        for (index, format) in FORMATS.iter().enumerate() {
            if fits(text, format) {
                bits |= 1 << index;
            }
        }
        if bits & short() != 0 {
            self.ends.see(text);
        }
        if bits != 0 {
            self.fits.push(bits);
        }
    }

    /// The formats, most used first, and the share of the sampled texts they fit; nothing when a choice would be a guess.
    #[expect(clippy::cast_precision_loss, reason = "a sample")]
    pub(super) fn formats(&self) -> Option<(Vec<&'static str>, f64)> {
        let mut open: Vec<u32> = self.fits.clone();
        if self.ends.begin_with_years(false) && self.ends.first.len() < self.ends.last.len() {
            open = open.into_iter().map(|bits| bits & !short()).filter(|bits| *bits != 0).collect();
        }
        let fitting = open.len();
        let mut chosen = Vec::new();
        while !open.is_empty() && chosen.len() < 4 {
            let counted = FORMATS.iter().enumerate().map(|(index, format)| {
                let count = open.iter().filter(|bits| *bits & (1 << index) != 0).count();
                (count, std::cmp::Reverse(index), *format)
            });
            let (count, index, format) = counted.max()?;
            if count == 0 {
                break;
            }
            if ambiguous(&self.fits, format) {
                return None;
            }
            chosen.push(format);
            open.retain(|bits| bits & (1 << index.0) == 0);
        }
        let fitting = (fitting - open.len()) as f64;
        let share = fitting / self.seen.max(1) as f64;
        (!chosen.is_empty() && share >= 0.9).then_some((chosen, share))
    }

    /// Of texts that are dates and leave open, or contradict each other about, which of day and month stands first: the two
    /// formats, day first, and the share of the sampled texts that one of them fits. To be a date needs no choice.
    #[expect(clippy::cast_precision_loss, reason = "a sample")]
    pub(super) fn open(&self) -> Option<([&'static str; 2], f64)> {
        // `24/10/15` may be no date of either order: its year may stand first.
        if self.formats().is_some() || self.ends.begin_with_years(false) {
            return None;
        }
        let count = |day: &str, month: &str| {
            let either = bit(day) | bit(month);
            self.fits.iter().filter(|bits| *bits & either != 0).count()
        };
        let pairs = SWAPPED.iter().map(|(day, month)| (count(day, month), [*day, *month]));
        let (fitting, pair) = pairs.max_by_key(|(fitting, _)| *fitting)?;
        let share = fitting as f64 / self.seen.max(1) as f64;
        (share >= 0.9).then_some((pair, share))
    }

    /// What may be asked of a column of this type later.
    pub(super) fn spelling(&self, data_type: DataType) -> Spelling {
        let moment = matches!(data_type, DataType::Date | DataType::Time | DataType::Timestamp);
        let mut fits = BTreeMap::new();
        for bits in &self.fits {
            *fits.entry(*bits).or_default() += 1;
        }
        let ends = self.ends.clone();
        Spelling { fits, seen: self.seen, plain: moment.then_some(data_type), ends }
    }
}

/// Whether texts leave open which is the day and which the month (none says, or they contradict).
fn ambiguous(fits: &[u32], format: &str) -> bool {
    let only = |wanted: &str, other: &str| fits.iter().any(|bits| bits & bit(wanted) != 0 && bits & bit(other) == 0);
    SWAPPED.iter().any(|(day, month)| (format == *day || format == *month) && only(day, month) == only(month, day))
}

fn short() -> u32 {
    SHORT.iter().fold(0, |all, format| all | bit(format))
}

fn bit(format: &str) -> u32 {
    FORMATS.iter().position(|known| *known == format).map_or(0, |index| 1 << index)
}

/// How the values of a column read as days and times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling {
    /// Which formats fit a text, as one bit a format, and how many of the different texts.
    fits: BTreeMap<u32, usize>,
    seen: usize,
    /// The type of them all, where they are written as ISO has it.
    plain: Option<DataType>,
    ends: Ends,
}

/// Why texts are not read as days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Two formats with day and month swapped, and nothing says which.
    Open(&'static str, &'static str),
    /// What texts were read by, and what some fit only now.
    Contrary(String, &'static str),
}

impl Spelling {
    /// Whether days and times are written otherwise than ISO has it, more of them than are slips.
    pub fn is_otherwise(&self) -> bool {
        let plain =
            iso(DataType::Timestamp).iter().chain(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%H:%M:%S"].iter());
        let plain = plain.fold(0, |all, format| all | bit(format));
        self.count(|bits| bits & plain == 0) * SLIPS > self.seen
    }

    fn count(&self, which: impl Fn(u32) -> bool) -> usize {
        self.fits.iter().filter(|(bits, _)| which(**bits)).map(|(_, count)| count).sum()
    }

    /// How a column is read that was read so before: the known formats decide what the values leave open, and others are
    /// added where the values leave nothing open.
    pub fn read(&self, before: &Parse) -> Result<Parse, Doubt> {
        let known = before.formats.iter().find(|format| SHORT.contains(&format.as_str()));
        if !self.ends.begin_with_years(known.is_some()) {
            return self.read_so(before);
        }
        if let Some(known) = known {
            return Err(Doubt::Contrary(known.clone(), "%y/%m/%d"));
        }
        let mut fits = BTreeMap::new();
        for (bits, count) in &self.fits {
            *fits.entry(bits & !short()).or_default() += count;
        }
        Self { fits, ..self.clone() }.read_so(before)
    }

    fn read_so(&self, before: &Parse) -> Result<Parse, Doubt> {
        let mut parse = before.clone();
        let orders: BTreeSet<&str> = before.formats.iter().filter_map(|format| order(format)).collect();
        let contrary = |format: &&str| {
            order(format)
                .is_some_and(|mine| !orders.contains(mine) && swapped(mine).is_some_and(|it| orders.contains(it)))
        };
        let kinds = |format: &&&str| (kind(format) == "time") == (before.to == DataType::Time);
        let mask = |formats: &mut dyn Iterator<Item = &'static str>| formats.fold(0, |all, format| all | bit(format));
        let all: Vec<&'static str> = FORMATS.iter().filter(kinds).copied().collect();
        let against = mask(&mut all.iter().copied().filter(contrary));
        let free = mask(&mut all.iter().copied()) & !against;
        let known = before.formats.iter().fold(0, |all, format| all | bit(format));
        let unread = self.fits.keys().copied().filter(|bits| bits & known == 0);
        let (mut open, others): (Vec<u32>, Vec<u32>) = unread.partition(|bits| bits & free != 0);
        // Where others prove the known order, few are slips.
        let proof = self.count(|bits| bits & known != 0 && bits & against == 0);
        if let Some(bits) = others.iter().find(|bits| *bits & against != 0)
            && self.count(|bits| bits & (known | free) == 0 && bits & against != 0) * SLIPS > proof
            && let Some(now) = all.iter().find(|format| bits & bit(format) & against != 0)
        {
            let other = |format: &&String| order(format).and_then(swapped) == order(now);
            return Err(Doubt::Contrary(before.formats.iter().find(other).cloned().unwrap_or_default(), now));
        }
        while !open.is_empty() {
            let counted =
                all.iter().enumerate().filter(|(_, format)| bit(format) & free != 0).map(|(index, format)| {
                    let count = open.iter().filter(|bits| *bits & bit(format) != 0).count();
                    (count, std::cmp::Reverse(index), *format)
                });
            let Some((1.., _, format)) = counted.max() else { break };
            let told = order(format).is_some_and(|order| orders.contains(order));
            if !told && ambiguous(&open, format) {
                let pair = SWAPPED.iter().find(|(day, month)| format == *day || format == *month);
                return Err(pair.map_or(Doubt::Open(format, format), |(day, month)| Doubt::Open(day, month)));
            }
            open.retain(|bits| bits & bit(format) == 0);
            if parse.to == DataType::Date && kind(format) == "timestamp" {
                parse.to = DataType::Timestamp;
            }
            parse.formats.push(format.to_owned());
        }
        let plain = self.plain.filter(|plain| (*plain == DataType::Time) == (before.to == DataType::Time));
        if parse.to == DataType::Date && plain == Some(DataType::Timestamp) {
            parse.to = DataType::Timestamp;
        }
        if let Some(plain) = plain.or_else(|| parse.formats.is_empty().then_some(before.to)) {
            let more = iso(plain).iter().map(|format| (*format).to_owned());
            let more: Vec<String> = more.filter(|format| !parse.formats.contains(format)).collect();
            parse.formats.extend(more);
        }
        Ok(parse)
    }
}

/// Which of day and month stands first, and what between them.
fn order(format: &str) -> Option<&str> {
    let first = format.get(..5)?;
    swapped(first).map(|_| first)
}

fn swapped(order: &str) -> Option<&'static str> {
    match order {
        "%d/%m" => Some("%m/%d"),
        "%m/%d" => Some("%d/%m"),
        "%d-%m" => Some("%m-%d"),
        "%m-%d" => Some("%d-%m"),
        _ => None,
    }
}

/// What reads the texts that are of a type as they stand.
pub fn iso(data_type: DataType) -> &'static [&'static str] {
    if data_type == DataType::Date {
        &["%Y-%m-%d"]
    } else if data_type == DataType::Time {
        &["%H:%M:%S%.f", "%H:%M"]
    } else {
        &["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
    }
}

/// Strict: chrono lets `%Y` take two digits and `%d` one; `5/6/24` is no `%d/%m/%Y`.
fn fits(text: &str, format: &str) -> bool {
    let date_only = !format.contains("%H");
    let date = if date_only {
        NaiveDate::parse_from_str(text, format).ok()
    } else if format.contains("%Y") {
        NaiveDateTime::parse_from_str(text, format).ok().map(|moment| moment.date())
    } else {
        return NaiveTime::parse_from_str(text, format).is_ok();
    };
    let Some(date) = date else { return false };
    let year = chrono::Datelike::year(&date);
    // `%Y%m%d` also fits many plain numbers: only years that people write dates of.
    (1900..=2100).contains(&year) && (format != "%Y%m%d" || text.len() == 8)
}

/// What a format reads to.
pub(super) fn kind(format: &str) -> &'static str {
    match (format.contains("%Y") || format.contains("%y"), format.contains("%H")) {
        (true, true) => "timestamp",
        (true, false) => "date",
        (false, _) => "time",
    }
}
