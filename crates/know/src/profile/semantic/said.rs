//! What the name of a column says about its values, before any is seen.

use super::splitting::split;
use windvane_core::schema::DataType;

/// Of whom a name may be.
const PEOPLE: &str = "actor applicant artist author beneficiary buyer caller cardholder child client coach contact customer cust director doctor \
driver emp employee father guardian guest holder husband manager member mother nurse operator owner parent passenger patient person player pupil \
receiver recipient rep reviewer seller sender signer spouse staff student teacher tenant user visitor voter wife winner worker pilot referee \
candidate captain dependent donor editor friend producer singer writer loser physician subscriber trainer instructor reader borrower attendee participant sponsor leader resident";
/// Tables whose rows are persons: their `name` is one's.
const TABLES: &str = "actor author candidate captain conductor dependent director editor friend manager owner parent producer representative singer wrestler writer coach driver employee guest member nurse passenger patient person people physician pilot player pupil reviewer \
staff student teacher tenant user visitor voter worker doctor instructor contact resident attendee participant";
/// A name that ends so is about the value, it is not the value.
const ABOUT: &str = "id ids key type types count flag status verified valid confirmed format template domain provider subject body index length seq sk pk fk \
guid rowguid promotion permission preference updated created sent opened place country state city zone level rank score limit total quality kind mode code \
version source label description desc rate amount date at on opt date modified changed expires expiry reset region zip postal province district county \
visibility visible lat lon latitude longitude hours notes";
/// A name that begins so is a question or a number.
const QUESTIONS: &str = "is has was can num no number count n total allow use show opt";
/// Values that are called addresses and are of machines and papers.
const OTHER_ADDRESSES: &str =
    "email mail ip mac web url site wallet memory bus network host http https crypto contract token page link";

fn among(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word || word.strip_suffix('s') == Some(known))
}

/// What a column of this name holds, when it holds something personal: its kind.
pub(super) fn said(column: &str, table: &str, data_type: DataType) -> Option<&'static str> {
    let words = split(column);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let pair = |first: &str, second: &str| words.windows(2).any(|pair| pair[0] == first && pair[1] == second);
    let last = words.iter().rev().map(String::as_str).find(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let text = data_type == DataType::Text;
    let number = matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Decimal { .. });
    let day = matches!(data_type, DataType::Date | DataType::Timestamp | DataType::TimestampTz);
    let asks = words.len() > 1 && among(QUESTIONS, &words[0]);
    let born = has(&["dob", "birthday", "birthdate", "birth", "born", "geburtsdatum"]);
    if born && (day || text || number) && (!among(ABOUT, last) || ["date", "on"].contains(&last)) && !asks {
        return Some("date_of_birth");
    }
    if !text && !number || asks {
        return None;
    }
    if text
        && (has(&["password", "passwd", "pwd", "passphrase", "passcode", "passwort"]) || pair("pass", "word"))
        && !among(ABOUT, last)
    {
        return Some("credential");
    }
    if text
        && (has(&["username"])
            || pair("user", "name")
            || pair("screen", "name")
            || pair("login", "name")
            || pair("login", "id")
            || ["login", "logon"].contains(&last))
    {
        return Some("username");
    }
    if number && among(ABOUT, last) {
        return None;
    }
    let identity = has(&["ssn", "passport", "nino", "pesel", "cpf", "curp", "bsn", "personnummer", "aadhaar"])
        || pair("social", "security")
        || pair("national", "id")
        || pair("national", "insurance")
        || pair("tax", "id") && !has(&["company", "vendor", "supplier"])
        || has(&["driver", "drivers", "driving"]) && has(&["license", "licence"]);
    if identity && (!among(ABOUT, last) || last == "id") {
        return Some("national_id");
    }
    if among(ABOUT, last) {
        return None;
    }
    if text && has(&["email", "mail"]) && !has(&["mailing"]) {
        return Some("email");
    }
    if has(&["phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "msisdn", "telefon", "handy"]) {
        return Some("phone");
    }
    if has(&["iban"]) || pair("bank", "account") {
        return Some("bank_account");
    }
    if pair("card", "number")
        || pair("card", "num")
        || pair("card", "no")
        || pair("cc", "number")
        || pair("cc", "num")
        || words == ["creditcard"]
    {
        return Some("credit_card");
    }
    if !text {
        return None;
    }
    if pair("ip", "address") || pair("ip", "addr") || pair("remote", "addr") || words == ["ip"] {
        return Some("ip_address");
    }
    let address = has(&["address", "addr", "addressline", "street", "strasse"]);
    if address && !words.iter().any(|word| among(OTHER_ADDRESSES, word)) {
        return Some("street_address");
    }
    person(&words, last, table).then_some("person_name")
}

/// Whether the name is one of persons.
fn person(words: &[String], last: &str, table: &str) -> bool {
    let alone = [
        "firstname",
        "lastname",
        "surname",
        "forename",
        "fullname",
        "middlename",
        "fname",
        "lname",
        "nickname",
        "vorname",
        "nachname",
        "apellido",
    ];
    if words.iter().any(|word| alone.contains(&word.as_str())) {
        return true;
    }
    if words
        .windows(2)
        .any(|pair| pair[0] == "name" && ["first", "last", "given", "middle"].contains(&pair[1].as_str()))
    {
        return true;
    }
    if !["name", "names"].contains(&last) {
        return false;
    }
    let part = [
        "first",
        "last",
        "middle",
        "given",
        "family",
        "full",
        "maiden",
        "nick",
        "sur",
        "fore",
        "legal",
        "christian",
        "personal",
        "f",
        "l",
        "m",
    ];
    let before = words.iter().rev().skip_while(|word| *word != last).nth(1).map(String::as_str);
    match before {
        Some(word) => {
            part.contains(&word) && !words.iter().any(|word| ["company", "product"].contains(&word.as_str()))
                || among(PEOPLE, word)
        }
        None => split(table).last().is_some_and(|word| among(TABLES, word)),
    }
}
