//! Numbers of the other countries of Europe.

use crate::personal::checks::{
    compact, digits, fiscal_code, is_day, luhn, luhn_text, mod_97, pair, repeated, weighted,
};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 32] = [
    // Spain: a letter by the number modulo 23 (Real Decreto 1553/2005).
    Recogniser::new("es_nif", r"[0-9]{7,8}-?[a-z]", 0.6).check(is_spanish).near(&[
        "dni",
        "nif",
        "identidad",
        "identificación",
    ]),
    Recogniser::new("es_nie", r"[xyz]-?[0-9]{7}-?[a-z]", 0.8).check(is_spanish).near(&["nie", "extranjero"]),
    Recogniser::new("es_passport", r"[a-z]{2,3}[0-9]{6}", 0.1).near(&["pasaporte", "passport"]),
    Recogniser::new(
        "it_fiscal_code",
        r"[a-z]{6}[0-9lmnpqrstuv]{2}[abcdehlmprst][0-9lmnpqrstuv]{2}[a-z][0-9lmnpqrstuv]{3}[a-z]",
        0.9,
    )
    .check(fiscal_code),
    Recogniser::new("it_vat_code", r"(?:IT)?[0-9]{11}", 0.3).check(is_italian_vat).near(&[
        "partita iva",
        "p.iva",
        "iva",
        "vat",
    ]),
    Recogniser::new("it_driver_license", r"[a-z]{2}[0-9]{7}[a-z]|U1[a-z0-9]{7}[a-z]", 0.3)
        .near(&["patente", "license", "licence", "guida"]),
    Recogniser::new("it_identity_card", r"[a-z]{2} ?[0-9]{7}|[a-z]{2} ?[0-9]{5}[a-z]{2}|[0-9]{7}[a-z]{2}", 0.1)
        .near(&["carta", "identità", "identity"]),
    Recogniser::new("it_passport", r"[a-z]{2}[0-9]{7}", 0.1).near(&["passaporto", "passport"]),
    Recogniser::new("pl_pesel", r"[0-9]{11}", 0.4).check(is_pesel).near(&["pesel"]),
    Recogniser::new("pl_nip", r"[0-9]{3}-?[0-9]{3}-?[0-9]{2}-?[0-9]{2}", 0.2).check(is_nip).near(&["nip"]),
    Recogniser::new("fi_personal_identity_code", r"[0-9]{6}[-+a-fu-y][0-9]{3}[0-9a-fhj-npr-y]", 0.9).check(is_hetu),
    Recogniser::new("se_personnummer", r"(?:[0-9]{2})?[0-9]{6}[-+]?[0-9]{4}", 0.4)
        .check(is_personnummer)
        .near(&["personnummer", "pnr", "swedish id", "samordningsnummer"])
        .open(),
    Recogniser::new("se_organisationsnummer", r"[0-9]{6}-?[0-9]{4}", 0.3).check(is_swedish_company).near(&[
        "orgnr",
        "orgnummer",
        "organisationsnummer",
        "företag",
    ]),
    Recogniser::new("uk_nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", 0.3)
        .check(is_nhs)
        .near(&["nhs", "health service"]),
    Recogniser::new("uk_nino", r"[abceghj-prstw-z][abceghj-nprstw-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[a-d]", 0.7)
        .check(is_nino)
        .near(&["national insurance", "nino", "ni number"]),
    Recogniser::new("uk_passport", r"[a-z]{2}[0-9]{7}", 0.1).near(&["passport"]),
    Recogniser::new(
        "uk_driving_licence",
        r"[a-z]{1,5}9{0,4}[0-9][0156][0-9][0-3][0-9]{2}[a-z9]{2}[0-9a-z][a-z]{2}",
        0.8,
    )
    .check(is_british_licence),
    Recogniser::new(
        "uk_postcode",
        r"(?:GIR ?0AA|[a-pr-uwyz](?:[0-9][0-9a-hjkpstuw]?|[a-hk-y][0-9][0-9abehmnprv-y]?) ?[0-9][abd-hjlnp-uw-z]{2})",
        0.5,
    )
    .near(&["postcode", "post code", "address"]),
    // DVLA: from 2001, with prefix from 1983, with suffix from 1963.
    Recogniser::new(
        "uk_vehicle_registration",
        r"[a-hj-pr-y][a-hj-pr-y](?:0[2-9]|[1-2][0-9]|5[1-9]|[67][0-9])[ -]?[a-hj-pr-z]{3}",
        0.45,
    )
    .near(PLATE),
    Recogniser::new("uk_vehicle_registration", r"[a-hj-npr-tv-y][0-9]{1,3}[ -]?[a-hj-pr-z]{3}", 0.2).near(PLATE),
    Recogniser::new("uk_vehicle_registration", r"[a-hj-pr-z]{3}[ -]?[0-9]{1,3}[a-hj-npr-tv-y]", 0.2).near(PLATE),
    // France: NIR, the key is 97 less the number modulo 97.
    Recogniser::new("fr_nir", r"[12][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9][0-9ab][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}", 0.8)
        .check(is_nir)
        .near(&["sécurité sociale", "nir", "insee"]),
    Recogniser::new("fr_siren", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 0.2).check(luhn_text).near(&["siren"]),
    Recogniser::new("nl_bsn", r"[0-9]{9}", 0.2).check(is_bsn).near(&["bsn", "burgerservicenummer", "sofinummer"]),
    Recogniser::new("be_national_number", r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}-?[0-9]{3}\.?[0-9]{2}", 0.4)
        .check(is_belgian)
        .near(&["rijksregister", "registre national", "nrn"]),
    Recogniser::new("ch_ahv", r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", 0.9).check(is_ahv),
    Recogniser::new("dk_cpr", r"[0-3][0-9][01][0-9]{3}-[0-9]{4}", 0.45)
        .check(|text| {
            let digits = digits(text);
            is_day(None, pair(&digits, 2), pair(&digits, 0))
        })
        .near(&["cpr", "personnummer"]),
    Recogniser::new("no_fodselsnummer", r"[0-9]{6} ?[0-9]{5}", 0.4)
        .check(is_norwegian)
        .near(&["fødselsnummer", "personnummer"]),
    Recogniser::new("pt_nif", r"[1-35689][0-9]{8}", 0.2).check(is_portuguese).near(&["nif", "contribuinte"]),
    Recogniser::new(
        "eu_vat",
        r"(?:ATU[0-9]{8}|BE[01][0-9]{9}|DK[0-9]{8}|FI[0-9]{8}|FR[0-9a-z]{2}[0-9]{9}|LU[0-9]{8}|NL[0-9]{9}B[0-9]{2}|PL[0-9]{10}|PT[0-9]{9}|SE[0-9]{12}|CZ[0-9]{8,10}|HU[0-9]{8})",
        0.6,
    ),
    Recogniser::new("eu_vat", r"IE[0-9][a-z0-9][0-9]{5}[a-w][a-i]?|ES[a-z0-9][0-9]{7}[a-z0-9]|GB[0-9]{9}", 0.6)
        .near(&["vat"]),
    Recogniser::new("passport", r"[a-z]{0,2}[0-9]{7,9}", 0.0).near(&["passport"]),
];

const PLATE: &[&str] = &["car", "registration", "vehicle", "plate", "reg", "vrm"];

fn is_spanish(text: &str) -> bool {
    let code = compact(text);
    let (number, letter) = code.split_at(code.len().saturating_sub(1));
    let number = number.replace('X', "0").replace('Y', "1").replace('Z', "2");
    let at = number.parse::<usize>().unwrap_or_default() % 23;
    "TRWAGMYFPDXBNJZSQVHLCKE".get(at..=at) == Some(letter)
}

fn is_italian_vat(text: &str) -> bool {
    let digits = digits(text);
    !digits.iter().take(7).all(|digit| *digit == 0) && luhn(&digits)
}

/// The month says the century.
fn is_pesel(text: &str) -> bool {
    let digits = digits(text);
    let century = [1900, 2000, 2100, 2200, 1800][pair(&digits, 2) as usize / 20 % 5];
    is_day(Some(century + pair(&digits, 0)), pair(&digits, 2) % 20, pair(&digits, 4))
        && (weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])).is_multiple_of(10)
}

fn is_nip(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digits[9]
}

/// Decree 128/2010: nine digits modulo 31.
fn is_hetu(text: &str) -> bool {
    let code = compact(text);
    let all = digits(&code[..6]);
    let serial: String = text.chars().skip(7).take(3).collect();
    let number = format!("{}{serial}", &code[..6]).parse::<usize>().unwrap_or_default();
    let check = "0123456789ABCDEFHJKLMNPRSTUVWXY".chars().nth(number % 31);
    let sign = text.chars().nth(6).map(|sign| sign.to_ascii_uppercase());
    let century = match sign {
        Some('+') => 1800,
        Some('A'..='F') => 2000,
        _ => 1900,
    };
    is_day(Some(century + pair(&all, 4)), pair(&all, 2), pair(&all, 0)) && check == code.chars().last()
}

/// Days above 60 are coordination numbers.
fn is_personnummer(text: &str) -> bool {
    let digits = digits(text);
    let short = &digits[digits.len() - 10..];
    let century = if digits.len() == 12 { pair(&digits, 0) } else { 20 };
    let year = century * 100 + pair(short, 0);
    (18..=20).contains(&century) && is_day(Some(year), pair(short, 2), (pair(short, 4) + 59) % 60 + 1) && luhn(short)
}

fn is_swedish_company(text: &str) -> bool {
    let digits = digits(text);
    pair(&digits, 2) >= 20 && digits[0] != 0 && luhn(&digits)
}

fn is_nhs(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) && !repeated(&digits)
}

/// Prefixes that are never given (HMRC, NIM39110).
fn is_nino(text: &str) -> bool {
    !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&compact(text).get(..2).unwrap_or_default())
}

/// Decade, month (51 to 62 of women), day, year.
fn is_british_licence(text: &str) -> bool {
    let code = compact(text);
    let numbers = digits(code.get(5..11).unwrap_or_default());
    code.len() == 16 && numbers.len() == 6 && is_day(None, pair(&numbers, 1) % 50, pair(&numbers, 3))
}

fn is_nir(text: &str) -> bool {
    let code = compact(text).replace("2A", "19").replace("2B", "18");
    let (number, key) = code.split_at(13);
    key.parse::<u32>().ok() == mod_97(number.chars()).map(|left| 97 - left)
}

fn is_bsn(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8] && !repeated(&digits)
}

fn is_belgian(text: &str) -> bool {
    let code = compact(text);
    let (number, key) = code.split_at(9);
    let key = key.parse::<u32>().ok();
    let left = |start: &str| mod_97(start.chars().chain(number.chars())).map(|left| 97 - left);
    left("") == key || left("2") == key
}

fn is_ahv(text: &str) -> bool {
    weighted(&digits(text), &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

fn is_norwegian(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(&digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        && !repeated(&digits)
}

fn is_portuguese(text: &str) -> bool {
    let digits = digits(text);
    (11 - weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == digits[8]
}
