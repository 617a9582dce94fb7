//! Forms that values have: whether a text is an address, a number of a card, a code of a country.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) fn is_anything(_: &str) -> bool {
    true
}

pub(super) fn is_text(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

pub(super) fn is_name(text: &str) -> bool {
    text.contains(char::is_alphabetic) && !text.contains(|c: char| c.is_ascii_digit() || "@/_:".contains(c))
}

pub(super) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && text.chars().all(|character| character == '-' || character.is_ascii_hexdigit())
}

pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>()[],;:\"@".contains(c));
    let labels = domain.split('.').collect::<Vec<_>>();
    let ends = labels.last().is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic));
    plain(local) && plain(domain) && labels.len() >= 2 && ends && labels.iter().all(|label| !label.is_empty())
}

pub(super) fn is_url(text: &str) -> bool {
    let known = ["http://", "https://", "ftp://", "s3://", "www."];
    known.iter().any(|start| text.len() > start.len() + 2 && text.to_ascii_lowercase().starts_with(start))
        && !text.contains(char::is_whitespace)
}

pub(super) fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

pub(super) fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

pub(super) fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

pub(super) fn is_ssn(text: &str) -> bool {
    text.split('-').map(str::len).eq([3, 2, 4]) && text.chars().all(|c| c == '-' || c.is_ascii_digit())
}

/// By its checksum: the number that its letters and digits spell leaves 1 when divided by 97.
pub(super) fn is_iban(text: &str) -> bool {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let shaped = (15..=34).contains(&compact.len())
        && compact.is_ascii()
        && compact.chars().take(2).all(|c| c.is_ascii_alphabetic())
        && compact.chars().skip(2).take(2).all(|c| c.is_ascii_digit());
    shaped && {
        let (start, rest) = compact.split_at(4);
        let remainder = rest.chars().chain(start.chars()).try_fold(0_u32, |left, character| {
            let value = character.to_digit(36)?;
            Some((left * if value > 9 { 100 } else { 10 } + value) % 97)
        });
        remainder == Some(1)
    }
}

/// By the Luhn checksum and the first digit that issuers use.
pub(super) fn is_card(text: &str) -> bool {
    if !text.chars().all(|character| character.is_ascii_digit() || character == ' ' || character == '-') {
        return false;
    }
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    (13..=19).contains(&digits.len())
        && digits.first().is_some_and(|first| (2..=6).contains(first))
        && sum.is_multiple_of(10)
}

pub(super) fn is_phone_digits(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+()-./ xX".contains(c))
}

/// Written as only phone numbers are: an international prefix, or groups with brackets or dashes.
pub(super) fn is_phone_written(text: &str) -> bool {
    let groups = text.split(['-', ' ', '.', '(', ')']).filter(|part| !part.is_empty()).count();
    let marked = text.starts_with('+') || text.starts_with("00") || text.starts_with('(') || groups >= 3;
    let dotted = text.contains('.') && !text.contains(['-', ' ', '(']) && !text.starts_with('+');
    is_phone_digits(text) && marked && !dotted && !looks_like_date(text) && text.contains(|c: char| "+(-".contains(c))
}

pub(super) fn looks_like_date(text: &str) -> bool {
    let lengths: Vec<usize> = text.split(['-', '/', ' ', '.']).map(str::len).collect();
    matches!(lengths.as_slice(), [4, 1 | 2, 1 | 2, ..] | [1 | 2, 1 | 2, 4 | 2, ..])
}

pub(super) fn is_postal(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (3..=10).contains(&text.len()) && digits >= 2 && text.chars().all(|c| c.is_ascii_alphanumeric() || " -".contains(c))
}

pub(super) fn within(text: &str, bound: f64) -> bool {
    text.parse::<f64>().is_ok_and(|number| number.abs() <= bound)
}

pub(super) fn is_country(text: &str) -> bool {
    is_code(text, COUNTRIES) || (text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase()))
}

pub(super) fn is_currency(text: &str) -> bool {
    is_code(text, CURRENCIES)
}

fn is_code(text: &str, codes: &str) -> bool {
    text.chars().all(|c| c.is_ascii_uppercase()) && codes.split(' ').any(|code| code == text)
}

/// ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE \
KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX \
MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH \
SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN \
VU WF WS YE YT ZA ZM ZW";

/// ISO 4217, in use.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL \
HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD \
MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST \
XAF XCD XOF XPF YER ZAR ZMW";
