//! What values mean: e-mail addresses, card numbers, countries. Judged over a sample of the different values.

use std::net::{Ipv4Addr, Ipv6Addr};

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

/// The lower-case words of a column's name: `customerEMail_2` is customer, email, 2.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            words.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| characters.get(before));
        let after = characters.get(index + 1);
        let rises = before.is_some_and(|before| before.is_lowercase()) && character.is_uppercase();
        // The last letter of an abbreviation starts the next word: `HTTPStatus`.
        let ends = before.is_some_and(|before| before.is_uppercase())
            && character.is_uppercase()
            && after.is_some_and(|after| after.is_lowercase());
        let turns = before.is_some_and(|before| before.is_alphabetic() && character.is_ascii_digit());
        if (rises || ends || turns) && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        current.extend(character.to_lowercase());
    }
    words.extend((!current.is_empty()).then_some(current));
    // `e_mail` and `eMail` are one word.
    if let Some(at) = words.windows(2).position(|pair| pair == ["e", "mail"]) {
        words.splice(at..at + 2, ["email".to_owned()]);
    }
    words
}

fn is_anything(_: &str) -> bool {
    true
}

fn is_text(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

fn is_name(text: &str) -> bool {
    text.contains(char::is_alphabetic) && !text.contains(|c: char| c.is_ascii_digit() || "@/_:".contains(c))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && text.chars().all(|character| character == '-' || character.is_ascii_hexdigit())
}

pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>()[],;:\"@".contains(c));
    let labels = domain.split('.').collect::<Vec<_>>();
    let ends = labels.last().is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic));
    plain(local) && plain(domain) && labels.len() >= 2 && ends && labels.iter().all(|label| !label.is_empty())
}

fn is_url(text: &str) -> bool {
    let known = ["http://", "https://", "ftp://", "s3://", "www."];
    known.iter().any(|start| text.len() > start.len() + 2 && text.to_ascii_lowercase().starts_with(start))
        && !text.contains(char::is_whitespace)
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

fn is_ssn(text: &str) -> bool {
    text.split('-').map(str::len).eq([3, 2, 4]) && text.chars().all(|c| c == '-' || c.is_ascii_digit())
}

/// By its checksum: the number that its letters and digits spell leaves 1 when divided by 97.
pub fn is_iban(text: &str) -> bool {
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
pub fn is_card(text: &str) -> bool {
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

fn is_phone_digits(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+()-./ xX".contains(c))
}

/// Written as only phone numbers are: an international prefix, or groups with brackets or dashes.
fn is_phone_written(text: &str) -> bool {
    let groups = text.split(['-', ' ', '.', '(', ')']).filter(|part| !part.is_empty()).count();
    let marked = text.starts_with('+') || text.starts_with("00") || text.starts_with('(') || groups >= 3;
    let dotted = text.contains('.') && !text.contains(['-', ' ', '(']) && !text.starts_with('+');
    is_phone_digits(text) && marked && !dotted && !looks_like_date(text) && text.contains(|c: char| "+(-".contains(c))
}

fn looks_like_date(text: &str) -> bool {
    let lengths: Vec<usize> = text.split(['-', '/', ' ', '.']).map(str::len).collect();
    matches!(lengths.as_slice(), [4, 1 | 2, 1 | 2, ..] | [1 | 2, 1 | 2, 4 | 2, ..])
}

fn is_postal(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (3..=10).contains(&text.len()) && digits >= 2 && text.chars().all(|c| c.is_ascii_alphanumeric() || " -".contains(c))
}

fn within(text: &str, bound: f64) -> bool {
    text.parse::<f64>().is_ok_and(|number| number.abs() <= bound)
}

fn is_country(text: &str) -> bool {
    is_code(text, COUNTRIES) || (text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase()))
}

fn is_currency(text: &str) -> bool {
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

/// Words of names whose values are nobody's business: of persons, of their money and health, and keys to anything.
const PRIVATE: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "pin",
    "puk",
    "otp",
    "totp",
    "cvv",
    "cvc",
    "csc",
    "secret",
    "secrets",
    "token",
    "credential",
    "credentials",
    "salt",
    "signature",
    "cookie",
    "session",
    "salary",
    "salaries",
    "wage",
    "wages",
    "income",
    "bonus",
    "payroll",
    "compensation",
    "gehalt",
    "lohn",
    "diagnosis",
    "diagnoses",
    "icd",
    "icd10",
    "medication",
    "prescription",
    "allergy",
    "allergies",
    "disease",
    "illness",
    "disability",
    "health",
    "medical",
    "patient",
    "symptom",
    "symptoms",
    "treatment",
    "blood",
    "iban",
    "bic",
    "ssn",
    "sin",
    "nin",
    "nino",
    "tin",
    "itin",
    "cpf",
    "cnpj",
    "nif",
    "dni",
    "curp",
    "bsn",
    "pesel",
    "vat",
    "vatin",
    "ustid",
    "passport",
    "visa",
    "licence",
    "license",
    "dob",
    "birthday",
    "birthdate",
    "birth",
    "born",
    "age",
    "gender",
    "sex",
    "religion",
    "ethnicity",
    "race",
    "nationality",
    "marital",
    "orientation",
    "political",
    "union",
    "email",
    "mail",
    "phone",
    "telephone",
    "tel",
    "mobile",
    "fax",
    "cell",
    "msisdn",
    "address",
    "addr",
    "street",
    "strasse",
    "firstname",
    "lastname",
    "surname",
    "forename",
    "fullname",
    "middlename",
    "maiden",
    "nickname",
    "username",
    "login",
    "vorname",
    "nachname",
    "nom",
    "prenom",
    "apellido",
    "apellidos",
    "geburtsdatum",
    "steuerid",
    "steuernummer",
    "taxid",
    "ip",
    "ipv4",
    "ipv6",
    "mac",
    "imei",
    "imsi",
    "fname",
    "lname",
    "mname",
    "hiv",
    "wage",
    "fingerprint",
    "biometric",
    "face",
    "card",
    "pan",
    "cardholder",
    "account",
    "acct",
    "konto",
    "routing",
    "lat",
    "latitude",
    "lon",
    "lng",
    "longitude",
    "geo",
];
/// Words that only together are private.
const PRIVATE_PAIRS: &[[&str; 2]] = &[
    ["tax", "id"],
    ["tax", "number"],
    ["tax", "no"],
    ["national", "id"],
    ["social", "security"],
    ["insurance", "number"],
    ["insurance", "no"],
    ["insurance", "id"],
    ["net", "pay"],
    ["gross", "pay"],
    ["credit", "score"],
    ["de", "passe"],
    ["api", "key"],
    ["access", "key"],
    ["private", "key"],
    ["secret", "key"],
    ["encryption", "key"],
    ["credit", "card"],
    ["card", "number"],
    ["driver", "license"],
    ["security", "code"],
    ["security", "answer"],
    ["mothers", "maiden"],
    ["date", "birth"],
    ["of", "birth"],
    ["steuer", "id"],
    ["pay", "grade"],
    ["pass", "word"],
    ["pass", "code"],
    ["id", "card"],
];
/// Long enough to be found inside a word: `userpassword`.
const PRIVATE_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "passphrase",
    "secret",
    "apikey",
    "salary",
    "diagnos",
    "passport",
    "birthda",
    "birthdate",
    "dateofbirth",
    "taxid",
    "creditcard",
    "firstname",
    "lastname",
    "surname",
    "fullname",
    "iban",
];

/// Whether the values of a column with this name are to be hidden, whatever they look like: `userPassword`, `PIN`,
/// `tax_id`, everything that ends in `name`.
pub fn sensitive(column: &str) -> bool {
    let words = words(column);
    let whole = words.concat();
    let private = |word: &String| {
        PRIVATE.contains(&word.as_str()) || word.strip_suffix('s').is_some_and(|one| PRIVATE.contains(&one))
    };
    words.iter().any(private)
        || words.last().is_some_and(|last| last == "name" || last == "names")
        || words.windows(2).any(|pair| PRIVATE_PAIRS.iter().any(|known| pair == known))
        || PRIVATE_PARTS.iter().any(|part| whole.contains(part))
}

/// Whether a column with this name holds a key of something, whatever its type.
pub fn is_identifier_name(column: &str) -> bool {
    let words = words(column);
    let last = words.last().map_or("", String::as_str);
    let whole = column.to_ascii_lowercase();
    ["id", "key", "uuid", "guid", "pk", "sk", "code", "number", "no", "nr"].contains(&last) && last != "code"
        || whole.ends_with("id")
            && whole.len() <= 12
            && !["paid", "valid", "void", "grid", "bid", "covid", "said", "rapid", "solid", "fluid", "acid"]
                .iter()
                .any(|word| whole.ends_with(word))
}
