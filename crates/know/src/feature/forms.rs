//! Forms that single values have, as answers of yes and no.

/// The forms, each with what decides it. The order is the model's: new ones go to the end, and the model is trained anew.
pub(super) const FORMS: [fn(&str) -> bool; 40] = [
    |text| text.parse::<f64>().is_ok_and(f64::is_finite),
    |text| text.parse::<i64>().is_ok(),
    |text| text.len() > 1 && text.starts_with('0') && digits(text),
    |text| text.starts_with('-') && text.parse::<f64>().is_ok(),
    |text| text.parse::<f64>().is_ok() && text.contains(['e', 'E']),
    |text| text.parse::<f64>().is_ok() && text.contains('.'),
    |text| text.len() == 4 && text.parse::<u32>().is_ok_and(|year| (1800..2100).contains(&year)),
    |text| text.len() == 8 && digits(text) && text.starts_with(['1', '2']) && is_day(&text[4..6], &text[6..8]),
    is_written_date,
    is_iso_date,
    has_clock,
    has_month,
    has_weekday,
    is_address,
    |text| text.contains("://") || text.contains("www."),
    is_domain,
    |text| ends_like_file(text),
    |text| text.contains('@') && text.contains('.') && !text.contains(' '),
    |text| text.starts_with(['[', '{', '(']) && text.ends_with([']', '}', ')']),
    |text| text.contains(['$', '€', '£', '¥', '₹']),
    |text| text.ends_with('%'),
    is_grouped,
    is_decimal_comma,
    is_measured,
    is_range,
    is_accounted,
    |text| mixes(text) && !text.contains(' '),
    |text| text.contains(|c: char| c.is_ascii_digit()),
    |text| text.contains(char::is_alphabetic),
    |text| text.contains(char::is_alphabetic) && !text.contains(char::is_lowercase),
    |text| text.contains(char::is_alphabetic) && !text.contains(char::is_uppercase),
    |text| text.chars().next().is_some_and(char::is_uppercase),
    |text| text.ends_with(['.', '!', '?']),
    is_switch,
    is_missing,
    |text| lists(text, ','),
    |text| lists(text, ';'),
    |text| lists(text, '|'),
    |text| !text.is_ascii(),
    |text| text.len() >= 16 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-'),
];

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_day(month: &str, day: &str) -> bool {
    let within = |text: &str, most: u32| text.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
    within(month, 12) && within(day, 31) || within(month, 31) && within(day, 12)
}

/// Three short numbers with one mark between them: `1/2/1992`, `31.12.99`.
fn is_written_date(text: &str) -> bool {
    let first = text.split([' ', 'T']).next().unwrap_or_default();
    ['/', '-', '.'].iter().any(|mark| {
        let parts: Vec<&str> = first.split(*mark).collect();
        match parts[..] {
            [a, b, c] if parts.iter().all(|part| digits(part)) => {
                a.len() <= 2 && b.len() <= 2 && (c.len() == 2 || c.len() == 4) && is_day(a, b)
                    || a.len() == 4 && b.len() <= 2 && c.len() <= 2 && is_day(b, c)
            }
            _ => false,
        }
    })
}

fn is_iso_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (year, month) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    year.len() == 4 && digits(year) && month.len() == 2 && digits(month) && is_day(month, "1")
}

fn has_clock(text: &str) -> bool {
    text.split([' ', 'T']).any(|word| {
        let parts: Vec<&str> = word.trim_end_matches(|c: char| c.is_alphabetic()).splitn(3, ':').collect();
        parts.len() >= 2 && digits(parts[0]) && parts[0].len() <= 2 && parts[1].len() == 2 && digits(parts[1])
    })
}

/// Whether a word is the name of a month or its first three letters.
pub(super) fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_lowercase();
    MONTHS.iter().any(|month| *month == word || month.get(..3) == Some(word.as_str())) || word == "sept"
}

fn letters(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}

/// A month and a number beside it, and little else.
fn has_month(text: &str) -> bool {
    text.len() < 40 && text.contains(|c: char| c.is_ascii_digit()) && letters(text).any(is_month)
}

fn has_weekday(text: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    text.len() < 40
        && letters(text).any(|word| {
            let word = word.to_lowercase();
            DAYS.iter().any(|day| *day == word || day.get(..3) == Some(word.as_str()))
        })
}

fn is_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["http://", "https://", "ftp://", "www."].iter().any(|start| lower.starts_with(start))
}

fn is_domain(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        && labels.last().is_some_and(|last| (2..=6).contains(&last.len()) && last.chars().all(char::is_alphabetic))
}

fn ends_like_file(text: &str) -> bool {
    let end = text.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    ["jpg", "jpeg", "png", "gif", "svg", "pdf", "html", "htm", "php", "csv", "txt", "wav", "mp3", "mp4", "json", "xml"]
        .contains(&end.as_str())
}

/// A sign and what money is written with, taken off.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| "$€£¥₹+-() %".contains(c))
}

/// `5,179`, `1,100.00`, `4,85,873`: groups of digits, the last one of three.
fn is_grouped(text: &str) -> bool {
    let whole = bare(text);
    let whole = whole.split_once('.').map_or(whole, |(whole, rest)| if digits(rest) { whole } else { "" });
    let groups: Vec<&str> = whole.split(',').collect();
    groups.len() >= 2
        && groups.iter().all(|group| digits(group) && group.len() <= 3)
        && groups.last().is_some_and(|group| group.len() == 3)
}

/// `764,9` and `1 341,2`.
fn is_decimal_comma(text: &str) -> bool {
    let spaces = |c: char| c == ' ' || c == '\u{a0}' || c == '.';
    bare(text).split_once(',').is_some_and(|(whole, rest)| {
        digits(rest) && whole.split(spaces).all(digits) && (rest.len() != 3 || whole.contains(spaces))
    })
}

/// A number and then a unit: `12 kg`, `3.5GHz`, `5'11"`.
fn is_measured(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| "$€£¥₹+-~<>=".contains(c));
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(number.len());
    let rest = number[end..].trim();
    end > 0 && !rest.is_empty() && rest.chars().count() <= 12 && !rest.contains(|c: char| c.is_ascii_digit())
}

/// `10-20`, `5 to 9`.
fn is_range(text: &str) -> bool {
    let pair = text.split_once('-').or_else(|| text.split_once(" to ")).or_else(|| text.split_once('–'));
    pair.is_some_and(|(a, b)| bare(a).parse::<f64>().is_ok() && bare(b).parse::<f64>().is_ok() && !a.is_empty())
}

/// A number in brackets, or with a mark of rank or of comparison before it.
fn is_accounted(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let marked = text.strip_prefix(['<', '>', '#', '~', '+', '=']);
    inner
        .or(marked)
        .is_some_and(|rest| rest.contains(|c: char| c.is_ascii_digit()) && !rest.contains(char::is_alphabetic))
}

fn mixes(text: &str) -> bool {
    text.contains(char::is_alphabetic) && text.contains(|c: char| c.is_ascii_digit())
}

/// Values that turn something on or off, or leave it open.
fn is_switch(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["0", "1", "yes", "no", "y", "n", "true", "false", "t", "f", "m", "male", "female", "on", "off", "unknown"]
        .contains(&lower.as_str())
}

/// Spellings of what is not there.
fn is_missing(text: &str) -> bool {
    let lower = text.trim_matches('#').to_ascii_lowercase();
    ["na", "n/a", "nan", "null", "null!", "none", "-", "--", "?", ".", "missing", "not available", "nil", "..", "x"]
        .contains(&lower.as_str())
}

/// At least three parts between such marks, or two that look alike.
fn lists(text: &str, mark: char) -> bool {
    let parts: Vec<&str> = text.split(mark).map(str::trim).collect();
    let few = |part: &&str| part.split_whitespace().count() <= 3;
    parts.len() >= 2 && parts.iter().all(few) && !is_grouped(text) && !is_decimal_comma(text)
}
