//! Numbers of Germany.

use crate::personal::checks::{digits, health_insurance, icao, mod_11_10, pension, weighted};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 17] = [
    // § 139b AO: MOD 11,10; no digit stands more than three times among the first ten.
    Recogniser::new(
        "de_tax_id",
        r"[1-9][0-9]{2}[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}|[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}",
        0.4,
    )
    .check(is_tax_id)
    .near(&["steuer", "idnr", "identifikationsnummer", "tax id", "tin"]),
    Recogniser::new("de_tax_number", r"[0-9]{2,3}/[0-9]{3,4}/[0-9]{4,5}", 0.4).near(&[
        "steuer",
        "st.-nr",
        "stnr",
        "finanzamt",
    ]),
    Recogniser::new("de_tax_number", r"(?:0[1-9]|1[0-6])[0-9]{11}", 0.1).near(&[
        "steuer",
        "st.-nr",
        "stnr",
        "finanzamt",
    ]),
    // § 27a UStG: MOD 11,10.
    Recogniser::new("de_vat_id", r"DE[ .-]?[1-9][0-9]{2}[ .-]?[0-9]{3}[ .-]?[0-9]{3}", 0.9)
        .check(|text| mod_11_10(&digits(text))),
    Recogniser::new("de_social_security", r"[0-9]{2} ?[0-9]{6} ?[a-z] ?[0-9]{3}", 0.8).check(pension).near(&[
        "rvnr",
        "rentenversicherung",
        "sozialversicherung",
        "svnr",
    ]),
    Recogniser::new("de_health_insurance", r"[a-z][0-9]{9}", 0.4).check(health_insurance).near(&[
        "versichert",
        "krankenkasse",
        "krankenversicherung",
        "kvnr",
        "gesundheitskarte",
        "health insurance",
    ]),
    Recogniser::new("de_id_card", r"[cfghjklmnprtvwxyz][0-9cfghjklmnprtvwxyz]{7}[0-9]", 0.3).check(icao).near(&[
        "personalausweis",
        "ausweis",
        "id card",
        "identity",
    ]),
    // Cards issued before November 2010.
    Recogniser::new("de_id_card", r"T[0-9]{8}", 0.1).near(&["personalausweis", "ausweis", "id card", "identity"]),
    Recogniser::new("de_passport", r"[cfghjklmnprtvwxyz][0-9cfghjklmnprtvwxyz]{7}[0-9]", 0.3).check(icao).near(&[
        "reisepass",
        "pass",
        "passport",
        "pass-nr",
    ]),
    Recogniser::new("de_fuehrerschein", r"[a-z]{2}[0-9]{8}[a-z0-9]|[a-z][0-9]{3}[a-z0-9]{5}[0-9][a-z0-9]", 0.2)
        .near(&["führerschein", "fuehrerschein", "fahrerlaubnis", "driving"]),
    Recogniser::new("de_handelsregister", r"HR[AB] ?[0-9]{1,6}", 0.7).near(&[
        "amtsgericht",
        "handelsregister",
        "eingetragen",
    ]),
    Recogniser::new("de_kfz", r"[a-z]{1,3}-[a-z]{1,2}[ -]?[1-9][0-9]{0,3}[eh]?", 0.4).near(PLATE),
    Recogniser::new("de_kfz", r"[a-z]{1,3} [a-z]{1,2} [1-9][0-9]{0,3}[eh]?", 0.2).near(PLATE),
    // Physicians (KBV): weights 4 and 9 over six digits.
    Recogniser::new("de_lanr", r"[0-9]{9}", 0.15).check(is_lanr).near(&["lanr", "arztnummer", "arzt-nr"]),
    Recogniser::new("de_bsnr", r"[0-9]{9}", 0.05).near(&["bsnr", "betriebsstätte", "praxis"]),
    Recogniser::new("de_plz", r"(?:0[1-9]|[1-9][0-9])[0-9]{3}", 0.1).near(&["plz", "postleitzahl"]),
    Recogniser::new("de_plz", r"D-(?:0[1-9]|[1-9][0-9])[0-9]{3}", 0.6),
];

const PLATE: &[&str] = &["kennzeichen", "kfz", "nummernschild", "fahrzeug", "plate"];

fn is_tax_id(text: &str) -> bool {
    let digits = digits(text);
    let often = |digit: u32| digits.iter().take(10).filter(|other| **other == digit).count();
    digits.len() == 11 && (0..10).all(|digit| often(digit) <= 3) && mod_11_10(&digits)
}

fn is_lanr(text: &str) -> bool {
    let digits = digits(text);
    digits.len() == 9 && (10 - weighted(&digits[..6], &[4, 9, 4, 9, 4, 9]) % 10) % 10 == digits[6]
}
