//! Dates and times written as text: which strftime formats fit them all without guessing.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

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

/// Which formats fit which of the sampled texts, as one bit a format.
#[derive(Default)]
pub(super) struct Dates {
    fits: Vec<u32>,
    seen: usize,
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
        if bits != 0 {
            self.fits.push(bits);
        }
    }

    /// The formats, most used first, and the share of the sampled texts they fit; nothing when a choice would be a guess.
    #[expect(clippy::cast_precision_loss, reason = "a sample")]
    pub(super) fn formats(&self) -> Option<(Vec<&'static str>, f64)> {
        let mut open: Vec<u32> = self.fits.clone();
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
            if self.ambiguous(format) {
                return None;
            }
            chosen.push(format);
            open.retain(|bits| bits & (1 << index.0) == 0);
        }
        let fitting = (self.fits.len() - open.len()) as f64;
        let share = fitting / self.seen.max(1) as f64;
        (!chosen.is_empty() && share >= 0.9).then_some((chosen, share))
    }

    /// Whether the sampled texts leave open which is the day and which the month (none says, or they contradict).
    fn ambiguous(&self, format: &str) -> bool {
        let only = |wanted: &str, other: &str| {
            let bit = |name: &str| FORMATS.iter().position(|known| *known == name).map_or(0, |index| 1_u32 << index);
            self.fits.iter().any(|bits| bits & bit(wanted) != 0 && bits & bit(other) == 0)
        };
        SWAPPED.iter().any(|(day, month)| (format == *day || format == *month) && only(day, month) == only(month, day))
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
