//! Numbers of Australia, New Zealand and Africa.

use crate::personal::checks::{digits, is_day, luhn, pair, repeated, verhoeff, weighted};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 8] = [
    Recogniser::new("au_abn", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 0.4)
        .check(is_abn)
        .near(&["abn", "business number"]),
    Recogniser::new("au_acn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 0.3).check(is_acn).near(&["acn", "company number"]),
    Recogniser::new("au_tfn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 0.3).check(is_tfn).near(&["tfn", "tax file"]),
    Recogniser::new("au_medicare", r"[2-6][0-9]{3} ?[0-9]{5} ?[0-9](?:[ /-]?[1-9])?", 0.3)
        .check(is_medicare)
        .near(&["medicare"]),
    Recogniser::new("ng_nin", r"[0-9]{11}", 0.2)
        .check(|text| verhoeff(&digits(text)) && !repeated(&digits(text)))
        .near(&["nin", "national identification", "nimc"]),
    Recogniser::new("ng_vehicle_registration", r"[a-z]{3}[ -]?[0-9]{3}[ -]?[a-z]{2}", 0.4).near(&[
        "plate",
        "vehicle",
        "registration",
    ]),
    // South Africa: day of birth, sex, citizenship (0, 1, 2), 8 or 9, Luhn.
    Recogniser::new("za_id_number", r"[0-9]{10}[012][89][0-9]", 0.7).check(is_south_african).near(&[
        "south africa",
        "rsa",
        "sa id",
        "identity",
    ]),
    Recogniser::new("nz_ird", r"[0-9]{2,3}-[0-9]{3}-[0-9]{3}", 0.2).near(&["ird", "inland revenue"]),
];

/// Australian Business Register: one less at the first digit, modulo 89.
fn is_abn(text: &str) -> bool {
    let digits = digits(text);
    (weighted(&digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10).is_multiple_of(89)
}

fn is_acn(text: &str) -> bool {
    let digits = digits(text);
    (10 - weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == digits[8]
}

fn is_tfn(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !repeated(&digits)
}

fn is_medicare(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digits[8]
}

/// A century that the digits do not say: a leap day needs a leap year of one of them.
fn is_south_african(text: &str) -> bool {
    let digits = digits(text);
    let day = |century| is_day(Some(century + pair(&digits, 0)), pair(&digits, 2), pair(&digits, 4));
    (day(1900) || day(2000)) && luhn(&digits)
}
