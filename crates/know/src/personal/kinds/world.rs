//! What is written alike everywhere: addresses of the net, accounts, cards, days.

use crate::personal::checks::{bitcoin, compact, digits, is_day, luhn, mod_97};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 21] = [
    Recogniser::new(
        "email",
        r"[a-z0-9][a-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,22}[a-z0-9]",
        1.0,
    ),
    Recogniser::new(
        "url",
        r"(?:https?|ftp|s3)://(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9](?::[0-9]+)?(?:[/?#][a-z0-9/?#&=%.,:;@!$'()*+~_-]*)?",
        0.95,
    ),
    Recogniser::new("url", r"www\.(?:[a-z0-9-]+\.)+[a-z]{2,}(?:[/?#][a-z0-9/?#&=%.,:;@!$'()*+~_-]*)?", 0.9),
    Recogniser::new(
        "url",
        r"(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|info|io|biz|co|eu|uk|de|fr|nl|it|es|pt|ch|at|be|se|no|dk|fi|pl|cz|hu|us|ca|au|in|jp|br|mx|ru|cn|kr|dev|app|site|xyz)(?:/[a-z0-9/?#&=%.,:;@!$'()*+~_-]*)?",
        0.6,
    ),
    // ISO 13616.
    Recogniser::new("iban", r"[a-z]{2}[0-9]{2}(?: ?[a-z0-9]){11,30}", 1.0).check(is_iban),
    // ISO/IEC 7812.
    Recogniser::new("credit_card", r"[1-6](?:[ -]?[0-9]){11,18}", 0.85).check(is_card).near(&[
        "card",
        "credit",
        "visa",
        "mastercard",
        "amex",
        "cc",
        "karte",
        "tarjeta",
        "carte",
    ]),
    // ISO 9362.
    Recogniser::new("swift_bic", r"[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?", 0.05).near(&["swift", "bic"]),
    Recogniser::new("mac_address", r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", 0.9).check(is_mac),
    Recogniser::new("mac_address", r"[0-9a-f]{2}(?:-[0-9a-f]{2}){5}", 0.9).check(is_mac),
    Recogniser::new("mac_address", r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}", 0.9).check(is_mac),
    Recogniser::new("crypto", r"(?:bc1[a-z0-9]{25,59}|[13][1-9a-z]{25,34})", 1.0).check(bitcoin),
    Recogniser::new("crypto", r"0x[0-9a-f]{40}", 0.9),
    Recogniser::new("imei", r"[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{6}[ -]?[0-9]", 0.2).check(is_imei).near(&["imei"]),
    // ISO 8601, RFC 3339.
    Recogniser::new(
        "date_time",
        r"(?:1[89]|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:\.[0-9]+)?)?(?:Z|[+-][0-2][0-9]:?[0-5][0-9])?)?",
        0.7,
    ),
    Recogniser::new("date_time", r"[0-3]?[0-9]([/.-])[0-3]?[0-9][/.-](?:(?:1[89]|20)[0-9]{2}|[0-9]{2})", 0.6)
        .check(is_date),
    Recogniser::new(
        "date_time",
        r"[0-3]?[0-9](?:st|nd|rd|th|\.)?[ -]?(?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?(?:[ ,-]{1,2}(?:[0-9]{4}|[0-9]{2}))?",
        0.6,
    ),
    Recogniser::new(
        "date_time",
        r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?[ -][0-9]{1,4}(?:st|nd|rd|th)?(?:,? (?:1[89]|20)[0-9]{2})?",
        0.6,
    ),
    Recogniser::new("date_time", r"(?:0?[1-9]|1[0-2])/(?:[0-3]?[0-9]|(?:1[89]|20)[0-9]{2})", 0.1),
    Recogniser::new("date_time", r"(?:1[89]|20)[0-9]{2}([/.])[01]?[0-9][/.][0-3]?[0-9]", 0.6),
    Recogniser::new("date_time", r"(?:1[89]|20)[0-9]{2}[/-][01][0-9]", 0.1),
    Recogniser::new("date_time", r"(?:1[89]|20)[0-9]{2}", 0.1)
        .near(&["in", "since", "during", "year", "born", "until", "of"]),
];

/// ISO 13616: the letters and digits leave 1 when divided by 97.
fn is_iban(text: &str) -> bool {
    let compact = compact(text);
    (15..=34).contains(&compact.len()) && mod_97(compact[4..].chars().chain(compact[..4].chars())) == Some(1)
}

/// Lengths as issuers use them: twelve digits only Maestro, whose numbers begin with 5 or 6.
fn is_card(text: &str) -> bool {
    let digits = digits(text);
    let short = digits.len() < 13 && !matches!(digits.first(), Some(5 | 6));
    !short && luhn(&digits) && digits.iter().any(|digit| *digit != digits[0])
}

fn is_imei(text: &str) -> bool {
    luhn(&digits(text))
}

/// Neither the broadcast nor the empty address is somebody's.
fn is_mac(text: &str) -> bool {
    let compact = compact(text);
    !compact.chars().all(|character| character == 'F') && !compact.chars().all(|character| character == '0')
}

/// Day and month in any order.
fn is_date(text: &str) -> bool {
    let parts: Vec<u32> = text.split(['/', '.', '-']).filter_map(|part| part.parse().ok()).collect();
    parts.len() == 3 && (is_day(None, parts[0], parts[1]) || is_day(None, parts[1], parts[0]))
}
