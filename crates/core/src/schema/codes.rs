//! Columns whose digits are no number: postal codes, phone and account numbers, articles. Nobody adds them up, and their
//! zeros count. Told by the column's name, and where the name is weak by the shape of the values too.

/// Words that say it alone.
const SURE: &[&str] = &[
    "zip",
    "zipcode",
    "postal",
    "postcode",
    "postalcode",
    "plz",
    "phone",
    "telephone",
    "tel",
    "mobile",
    "fax",
    "msisdn",
    "iban",
    "bic",
    "swift",
    "sku",
    "ssn",
    "isbn",
    "issn",
    "ean",
    "gtin",
    "upc",
    "vat",
    "vatid",
    "siret",
    "siren",
    "imei",
    "iccid",
    "passport",
    "barcode",
    "cpf",
    "cnpj",
    "cusip",
    "telefon",
    "telefono",
    "telefax",
    "handy",
    "pin",
    "pincode",
    "tan",
    "kontonummer",
    "kontonr",
    "konto",
    "blz",
    "bankleitzahl",
    "personnummer",
    "personnr",
    "orgnr",
    "orgnummer",
    "postnummer",
    "postnr",
    "steuernummer",
    "steuerid",
    "bsb",
    "bban",
    "cep",
    "eircode",
    "dni",
    "nif",
    "abn",
    "acn",
    "npi",
    "ndc",
    "vin",
    "imsi",
    "mrn",
    "asin",
];
/// Words before `no`, `nr`, `number` that say it.
const NUMBERED: &[&str] = &[
    "account",
    "acct",
    "card",
    "policy",
    "licence",
    "license",
    "tax",
    "serial",
    "routing",
    "contract",
    "article",
    "artikel",
    "part",
    "tracking",
    "customer",
    "member",
    "insurance",
    "national",
    "org",
    "social",
];
const NUMBER: &[&str] = &["no", "nr", "num", "number", "nummer"];
/// Words that say it together.
const PAIRS: &[[&str; 2]] = &[["tax", "id"], ["national", "id"], ["bank", "account"], ["social", "security"]];

/// Whether whole numbers in a column of this name are codes. `digits`: of the shortest and the longest.
pub fn is_code(name: &str, digits: (usize, usize)) -> bool {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (shortest, longest) = digits;
    has(SURE)
        || has(NUMBERED) && has(NUMBER)
        || words.windows(2).any(|pair| PAIRS.iter().any(|known| pair == known))
        || words.last().is_some_and(|last| last == "code") && shortest == longest && longest >= 3
}

/// Whether numbers with a point in a column of this name count up in parts: behind `1.9` comes `1.10`.
pub fn is_version(name: &str) -> bool {
    words(name).iter().any(|word| matches!(word.as_str(), "version" | "ver" | "release"))
}

/// The lower-case words of a name: `PostalCode_2` is postal, code, 2.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let starts = !letter.is_alphanumeric()
            || before.is_lowercase() && letter.is_uppercase()
            || before.is_alphabetic() && letter.is_numeric();
        if starts {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}
