//! What values mean: e-mail addresses, card numbers, countries. Judged over a sample of the different values.

mod forms;
mod names;
mod said;
mod splitting;

pub use names::{is_identifier_name, sensitive, words};

use crate::personal::checked;
use forms::{
    is_anything, is_card, is_country, is_currency, is_email, is_iban, is_ipv4, is_ipv6, is_mac, is_name,
    is_phone_digits, is_phone_written, is_postal, is_ssn, is_text, is_url, is_uuid, within,
};
use windvane_core::schema::DataType;

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

/// Counts, over the sampled values, how many fit each meaning; some of them stay to be looked at more closely.
#[derive(Default)]
pub(super) struct Semantics {
    fits: [u32; MEANINGS.len()],
    sampled: u32,
    kept: Vec<Box<str>>,
}

pub(super) struct Judged {
    pub name: &'static str,
    pub confidence: f64,
    pub pii: bool,
}

/// So many different values are looked at.
pub(super) const SAMPLE: u32 = 2_000;
/// So many of them with all check digits there are, where nothing else says what they are.
const KEPT: usize = 48;
/// Fewer pass a check by chance.
const ENOUGH: usize = 8;
/// Longer ones have none.
const LONGEST: usize = 40;
/// How sure a name alone is; where values speak too it is more.
pub const NAMED: f64 = 0.6;

impl Semantics {
    pub(super) fn observe(&mut self, text: &str) {
        if self.sampled >= SAMPLE {
            return;
        }
        self.sampled += 1;
        let text = text.trim();
        if self.kept.len() < KEPT && text.len() <= LONGEST {
            self.kept.push(text.into());
        }
        for (count, meaning) in self.fits.iter_mut().zip(&MEANINGS) {
            *count += u32::from((meaning.fits)(text));
        }
    }

    /// What the column holds: by its values and its name, by its name, by check digits. `table` is whose column it is.
    pub(super) fn judge(&self, column: &str, table: &str, data_type: DataType) -> Option<Judged> {
        let said = said::said(column, table, data_type);
        self.fitting(column, said)
            .or_else(|| said.and_then(|said| self.named(said)))
            .or_else(|| self.checked(column, data_type))
    }

    fn fitting(&self, column: &str, said: Option<&str>) -> Option<Judged> {
        let words = splitting::split(column);
        MEANINGS.iter().zip(self.fits).find_map(|(meaning, fits)| {
            let share = self.share(fits);
            let hinted = said == Some(meaning.name) || !ONLY_SAID.contains(&meaning.name) && hinted(&words, meaning);
            let needed = if hinted { 0.6 } else { 0.85 };
            let confidence = if hinted { share } else { share * 0.9 };
            let found = fits > 0 && share >= needed && (hinted || !meaning.needs_hint);
            found.then_some(Judged { name: meaning.name, confidence, pii: meaning.pii })
        })
    }

    /// By the name: when no value contradicts it because there is none, or because its values have no form.
    fn named(&self, said: &'static str) -> Option<Judged> {
        let formless = ["username", "credential", "national_id", "bank_account"].contains(&said);
        (self.sampled == 0 || formless).then_some(Judged { name: said, confidence: NAMED, pii: true })
    }

    /// By check digits that hold in nearly all of the values.
    fn checked(&self, column: &str, data_type: DataType) -> Option<Judged> {
        let texts = data_type == DataType::Text || data_type == DataType::Int64 && !is_identifier_name(column);
        if self.kept.len() < ENOUGH || !texts {
            return None;
        }
        let mut counts: Vec<(&'static str, usize)> = Vec::new();
        // Whatever the first ones are not the column is not.
        for (at, value) in self.kept.iter().enumerate() {
            for kind in checked(value) {
                match counts.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((kind, 1)),
                }
            }
            if at + 1 >= ENOUGH && counts.iter().all(|(_, count)| count * 2 < at + 1) {
                return None;
            }
        }
        let (name, count) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let share = count as f64 / self.kept.len() as f64;
        (share >= 0.9).then_some(Judged { name, confidence: share * 0.9, pii: !OF_COMPANIES.contains(&name) })
    }

    fn share(&self, fits: u32) -> f64 {
        f64::from(fits) / f64::from(self.sampled.max(1))
    }
}

/// Meanings whose words mislead without the others of the name: `address_id`, `birth_place`.
const ONLY_SAID: [&str; 3] = ["date_of_birth", "person_name", "street_address"];

/// Numbers of companies and devices: they have a meaning and are nobody's.
const OF_COMPANIES: [&str; 14] = [
    "de_vat_id",
    "it_vat_code",
    "pl_nip",
    "se_organisationsnummer",
    "fr_siren",
    "aba_routing_number",
    "br_cnpj",
    "kr_brn",
    "au_abn",
    "au_acn",
    "mac_address",
    "sg_uen",
    "eu_vat",
    "nz_ird",
];

fn hinted(words: &[String], meaning: &Meaning) -> bool {
    let whole = words.concat();
    meaning.hints.iter().any(|hint| whole == *hint || words.iter().any(|word| word == hint))
}
