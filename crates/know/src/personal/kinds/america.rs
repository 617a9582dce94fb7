//! Numbers of the United States, Canada and Latin America.

use crate::personal::checks::{compact, digits, luhn, pair, repeated, weighted};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 18] = [
    // Social Security Administration, POMS RM 10201: no area 000, 666 or 9xx, no group 00, no serial 0000.
    Recogniser::new("us_ssn", r"[0-9]{3}[- .][0-9]{2}[- .][0-9]{4}", 0.8).check(is_ssn).near(SOCIAL),
    Recogniser::new("us_ssn", r"[0-9]{9}|[0-9]{5}-[0-9]{4}|[0-9]{3}-[0-9]{6}", 0.1).check(is_ssn).near(SOCIAL),
    Recogniser::new("us_itin", r"9[0-9]{2}[- ]?(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[- ]?[0-9]{4}", 0.5).near(&["itin", "taxpayer", "tax id"]),
    Recogniser::new("us_passport", r"[a-z][0-9]{8}|[0-9]{9}", 0.1).near(&["passport", "travel document"]),
    Recogniser::new("us_driver_license", r"[a-z][0-9]{3,13}|[a-z]{2}[0-9]{3,7}|[0-9]{7,12}|[a-z]{3}[0-9]{6}|[a-z]{4}[0-9]{3}[a-z]{2}[0-9]{3}|[a-z][0-9]{3}-[0-9]{3,4}-[0-9]{2,4}(?:-[0-9]{3})?", 0.1)
        .near(&["driver", "license", "licence", "driving", "dl#"]),
    Recogniser::new("us_bank_number", r"[0-9]{8,17}", 0.05).near(&["bank", "account", "acct", "checking", "savings"]),
    // ABA: weights 3, 7, 1.
    Recogniser::new("aba_routing_number", r"(?:0[0-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)[0-9]{2}-?[0-9]{4}-?[0-9]", 0.3).check(is_routing).near(&["routing", "aba", "rtn", "transit"]),
    // CMS: 45 CFR 162.406, Luhn over 80840 and the number.
    Recogniser::new("us_npi", r"[12][0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", 0.3).check(is_npi).near(&["npi", "provider"]),
    Recogniser::new("us_mbi", r"[1-9][ac-hjkmnp-rt-y][0-9ac-hjkmnp-rt-y][0-9]-?[ac-hjkmnp-rt-y][0-9ac-hjkmnp-rt-y][0-9]-?[ac-hjkmnp-rt-y]{2}[0-9]{2}", 0.7).near(&["medicare", "mbi", "beneficiary"]),
    // DEA registration of prescribers.
    Recogniser::new("medical_license", r"[a-hj-mprstux][a-z9][0-9]{7}", 0.6).check(is_dea).near(&["dea", "medical", "license", "certificate", "prescriber"]),
    Recogniser::new("us_ein", r"[0-9]{2}-[0-9]{7}", 0.3).near(&["ein", "employer identification"]),
    Recogniser::new("us_zip_code", r"[0-9]{5}-[0-9]{4}", 0.4).near(&["zip", "postal"]),
    Recogniser::new("us_zip_code", r"[0-9]{5}", 0.05).near(&["zip", "postal", "postcode"]),
    // Canada: Luhn; 0 and 8 are not given.
    Recogniser::new("ca_sin", r"[1-79][0-9]{2}[- ]?[0-9]{3}[- ]?[0-9]{3}", 0.3).check(is_sin).near(&["sin", "social insurance", "assurance sociale"]),
    Recogniser::new("ca_postal_code", r"[abceghj-npr-tvxy][0-9][abceghj-nprstv-z] ?[0-9][abceghj-nprstv-z][0-9]", 0.5),
    Recogniser::new("br_cpf", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}", 0.5).check(is_cpf).near(&["cpf"]),
    Recogniser::new("br_cnpj", r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}/?[0-9]{4}-?[0-9]{2}", 0.6).check(is_cnpj).near(&["cnpj"]),
    Recogniser::new("mx_curp", r"[a-z]{4}[0-9]{6}[hmx][a-z]{5}[a-z0-9][0-9]", 0.9),
];

const SOCIAL: &[&str] = &["ssn", "social security", "social"];

/// Numbers that were printed on specimens are nobody's.
fn is_ssn(text: &str) -> bool {
    let digits = digits(text);
    let number = compact(text);
    let area = digits[0] * 100 + pair(&digits, 1);
    ![0, 666].contains(&area)
        && area < 900
        && pair(&digits, 3) > 0
        && digits[5..].iter().any(|digit| *digit > 0)
        && !repeated(&digits)
        && !["078051120", "219099999", "123456789", "987654320"].contains(&number.as_str())
}

fn is_routing(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10) && !repeated(&digits)
}

fn is_npi(text: &str) -> bool {
    let all: Vec<u32> = [8, 0, 8, 4, 0].into_iter().chain(digits(text)).collect();
    luhn(&all) && !repeated(&all[5..])
}

fn is_dea(text: &str) -> bool {
    let digits = digits(&compact(text)[2..]);
    digits.len() == 7 && weighted(&digits, &[1, 2, 1, 2, 1, 2]) % 10 == digits[6]
}

fn is_sin(text: &str) -> bool {
    let digits = digits(text);
    luhn(&digits) && !repeated(&digits)
}

/// Receita Federal: two digits modulo 11, each over all before it.
fn is_cpf(text: &str) -> bool {
    let digits = digits(text);
    let check = |length: usize| {
        let weights = (2..=u32::try_from(length).unwrap_or(0) + 1).rev().collect::<Vec<_>>();
        weighted(&digits[..length], &weights) * 10 % 11 % 10
    };
    check(9) == digits[9] && check(10) == digits[10] && !repeated(&digits)
}

fn is_cnpj(text: &str) -> bool {
    let digits = digits(text);
    let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |length: usize| {
        let left = weighted(&digits[..length], &weights[13 - length..]) % 11;
        if left < 2 { 0 } else { 11 - left }
    };
    check(12) == digits[12] && check(13) == digits[13] && !repeated(&digits)
}
