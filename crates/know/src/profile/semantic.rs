//! What values mean: e-mail addresses, card numbers, countries. Judged over a sample of the different values.

mod forms;
mod names;

pub use names::{is_identifier_name, sensitive, words};

use forms::{
    is_anything, is_card, is_country, is_currency, is_email, is_iban, is_ipv4, is_ipv6, is_mac, is_name,
    is_phone_digits, is_phone_written, is_postal, is_ssn, is_text, is_url, is_uuid, within,
};

/// A meaning and how it is recognised.
struct Meaning {
    name: &'static str,
    pii: bool,
    fits: fn(&str) -> bool,
    /// Words of the column's name that speak for it.
    hints: &'static [&'static str],
    /// Whether values alone suffice, or the name must speak for it too.
    needs_hint: bool,
}

const fn sure(name: &'static str, pii: bool, fits: fn(&str) -> bool, hints: &'static [&'static str]) -> Meaning {
    Meaning { name, pii, fits, hints, needs_hint: false }
}

const fn named(name: &'static str, pii: bool, fits: fn(&str) -> bool, hints: &'static [&'static str]) -> Meaning {
    Meaning { name, pii, fits, hints, needs_hint: true }
}

/// In the order of trust: the first that fits wins.
const MEANINGS: [Meaning; 19] = [
    sure("uuid", false, is_uuid, &["uuid", "guid"]),
    sure("email", true, is_email, &["email", "mail", "e"]),
    sure("url", false, is_url, &["url", "link", "website", "uri"]),
    sure("ipv4", true, is_ipv4, &["ip"]),
    sure("ipv6", true, is_ipv6, &["ip"]),
    sure("iban", true, is_iban, &["iban"]),
    sure("credit_card", true, is_card, &["card", "cc", "pan"]),
    sure("us_ssn", true, is_ssn, &["ssn", "social"]),
    sure("mac_address", false, is_mac, &["mac"]),
    sure("phone", true, is_phone_written, &["phone", "tel", "telephone", "mobile", "fax", "cell"]),
    named("phone", true, is_phone_digits, &["phone", "tel", "telephone", "mobile", "fax", "cell", "msisdn"]),
    named("country_code", false, is_country, &["country", "nation", "cc", "iso"]),
    named("currency_code", false, is_currency, &["currency", "curr", "ccy"]),
    named("postal_code", false, is_postal, &["zip", "zipcode", "postal", "postcode", "plz"]),
    named("date_of_birth", true, is_anything, &["birth", "birthday", "birthdate", "dob"]),
    named("person_name", true, is_name, &["firstname", "lastname", "surname", "fullname", "forename"]),
    named("street_address", true, is_text, &["address", "street", "addr"]),
    named("latitude", false, |text| within(text, 90.0), &["lat", "latitude"]),
    named("longitude", false, |text| within(text, 180.0), &["lon", "lng", "long", "longitude"]),
];

/// What a single value is that is personal wherever it stands.
pub fn personal(text: &str) -> Option<&'static str> {
    let text = text.trim();
    MEANINGS
        .iter()
        .find(|meaning| meaning.pii && !meaning.needs_hint && (meaning.fits)(text))
        .map(|meaning| meaning.name)
}

/// Counts, over the sampled values, how many fit each meaning.
#[derive(Default)]
pub(super) struct Semantics {
    fits: [u32; MEANINGS.len()],
    sampled: u32,
}

pub(super) struct Judged {
    pub name: &'static str,
    pub confidence: f64,
    pub pii: bool,
}

/// So many different values are looked at.
pub(super) const SAMPLE: u32 = 2_000;

impl Semantics {
    pub(super) fn observe(&mut self, text: &str) {
        if self.sampled >= SAMPLE {
            return;
        }
        self.sampled += 1;
        let text = text.trim();
        for (count, meaning) in self.fits.iter_mut().zip(&MEANINGS) {
            *count += u32::from((meaning.fits)(text));
        }
    }

    pub(super) fn judge(&self, column: &str) -> Option<Judged> {
        let words = words(column);
        MEANINGS.iter().zip(self.fits).find_map(|(meaning, fits)| {
            let share = f64::from(fits) / f64::from(self.sampled.max(1));
            let hinted = hinted(&words, meaning);
            let needed = if hinted { 0.6 } else { 0.85 };
            let confidence = if hinted { share } else { share * 0.9 };
            let found = fits > 0 && share >= needed && (hinted || !meaning.needs_hint);
            found.then_some(Judged { name: meaning.name, confidence, pii: meaning.pii })
        })
    }
}

fn hinted(words: &[String], meaning: &Meaning) -> bool {
    let whole = words.concat();
    let person = meaning.name == "person_name"
        && words.last().is_some_and(|last| last == "name")
        && words.iter().any(|word| {
            [
                "first",
                "last",
                "full",
                "given",
                "family",
                "middle",
                "customer",
                "person",
                "patient",
                "employee",
                "user",
                "contact",
                "author",
                "passenger",
                "student",
                "teacher",
                "holder",
                "maiden",
            ]
            .contains(&word.as_str())
        });
    person || meaning.hints.iter().any(|hint| whole == *hint || words.iter().any(|word| word == hint))
}
