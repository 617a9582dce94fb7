//! What the names of columns say: their words, whether values are private, whether they identify.

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
