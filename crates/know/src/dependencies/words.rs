//! Names of tables and columns as words: `BillingCustomerIDs` is billing, customer, id.

use std::collections::BTreeSet;

/// A name's words: in lower case, singular, without numbers at their ends; joined words are split where `known` has both parts.
pub fn words(name: &str, known: &BTreeSet<String>) -> Vec<String> {
    let parts = parts(name);
    parts.iter().flat_map(|part| split(part, known)).map(|word| meant(&singular(&word))).collect()
}

/// The words of a name as they are written, singular too: what a schema's vocabulary is made of.
pub fn vocabulary(name: &str) -> Vec<String> {
    parts(name).into_iter().flat_map(|part| [singular(&part), part]).collect()
}

/// Short forms that people write for a word.
fn meant(word: &str) -> String {
    let long = match word {
        "no" | "num" | "nr" | "nbr" => "number",
        "cd" => "code",
        "dept" | "dep" => "department",
        "emp" | "empl" => "employee",
        "cust" => "customer",
        "prod" => "product",
        "cat" | "categ" => "category",
        "addr" => "address",
        "acct" => "account",
        "org" => "organization",
        "mgr" => "manager",
        "loc" => "location",
        "desc" => "description",
        "qty" => "quantity",
        "stu" | "stud" => "student",
        "fac" => "faculty",
        "dest" => "destination",
        "src" => "source",
        "doc" => "document",
        "proj" => "project",
        "univ" => "university",
        "trans" | "txn" => "transaction",
        "inv" => "invoice",
        "grp" => "group",
        "msg" => "message",
        "curr" => "currency",
        "abbrev" | "abbr" => "abbreviation",
        "identifier" | "ident" | "ids" => "id",
        "people" => "person",
        other => other,
    };
    long.to_owned()
}

/// At `_`, blanks, marks, and where small letters meet capitals or letters meet digits.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let begins = before.is_some_and(|before| {
            // `IDs` is one word.
            let plural =
                letters.get(at + 1) == Some(&'s') && letters.get(at + 2).is_none_or(|next| !next.is_lowercase());
            let next_is_small = !plural && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            letter.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next_is_small)
                || letter.is_numeric() != before.is_numeric()
        });
        if begins || !letter.is_alphanumeric() {
            parts.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(part) = parts.last_mut()
        {
            part.extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// What names of columns end with, written on without a mark: `customerid`.
const ENDS: [&str; 9] = ["number", "code", "name", "guid", "uuid", "key", "num", "id", "no"];

fn split(part: &str, known: &BTreeSet<String>) -> Vec<String> {
    let is_known = |word: &str| word.chars().count() > 2 && (known.contains(word) || known.contains(&singular(word)));
    // `aid`, `pid`: a letter for what is identified.
    if (3..=4).contains(&part.len())
        && part.is_ascii()
        && part.ends_with("id")
        && !ENGLISH_ID.contains(&part)
        && !["uid", "oid", "bid", "hid"].contains(&part)
    {
        return vec![part[..part.len() - 2].to_owned(), "id".to_owned()];
    }
    if part.len() == 3 && part.is_ascii() && part.ends_with("no") {
        return vec![part[..1].to_owned(), "no".to_owned()];
    }
    for end in ENDS {
        if let Some(head) = part.strip_suffix(end) {
            let certain = end == "id" && head.len() > 3 && !known.contains(part);
            if head.len() > 1 && (is_known(head) || certain && !ENGLISH_ID.contains(&part)) {
                return vec![head.to_owned(), end.to_owned()];
            }
        }
    }
    if !known.contains(part) || ENDS.iter().any(|end| part.ends_with(end)) {
        for (at, _) in part.char_indices().skip(3) {
            let (head, tail) = part.split_at(at);
            if is_known(head) && (is_known(tail) || ENDS.contains(&tail)) {
                return vec![head.to_owned(), tail.to_owned()];
            }
        }
    }
    vec![part.to_owned()]
}

/// Words that end in `id` by nature.
const ENGLISH_ID: [&str; 24] = [
    "valid", "invalid", "liquid", "solid", "hybrid", "rapid", "rabid", "period", "prepaid", "unpaid", "android",
    "asteroid", "paid", "said", "void", "acid", "grid", "raid", "maid", "laid", "avid", "arid", "skid", "slid",
];

/// The singular of an English noun, by its ending.
pub fn singular(word: &str) -> String {
    const SAME: [&str; 9] = ["series", "species", "status", "address", "news", "campus", "bus", "class", "gas"];
    if word.len() < 4 || SAME.contains(&word) || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if word == "people" {
        return "person".to_owned();
    }
    if let Some(head) = word.strip_suffix("ies") {
        return if head.len() > 2 || head == "cit" { format!("{head}y") } else { format!("{head}ie") };
    }
    for end in ["sses", "shes", "ches", "xes", "zzes", "uses"] {
        if word.ends_with(end) && word.len() > end.len() + 1 && !["caches", "houses", "causes"].contains(&word) {
            return word[..word.len() - 2].to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(head) => head.to_owned(),
        None => word.to_owned(),
    }
}

/// Whether a word makes a name one of something that stands elsewhere or of the row itself.
pub fn identifies(word: &str) -> bool {
    const WORDS: [&str; 15] = [
        "id", "key", "code", "number", "uuid", "guid", "uid", "pk", "sk", "ssn", "isbn", "oid", "rowid", "symbol",
        "iso",
    ];
    WORDS.contains(&word)
}

/// Whether a word says that values are measured or counted.
pub fn measures(word: &str) -> bool {
    const WORDS: [&str; 48] = [
        "amount",
        "price",
        "cost",
        "total",
        "quantity",
        "count",
        "rate",
        "percent",
        "percentage",
        "balance",
        "weight",
        "height",
        "length",
        "size",
        "width",
        "duration",
        "score",
        "discount",
        "tax",
        "salary",
        "age",
        "population",
        "area",
        "level",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "rank",
        "rating",
        "value",
        "budget",
        "capacity",
        "speed",
        "stock",
        "point",
        "order_by",
        "sort",
        "position",
        "millisecond",
        "byte",
        "limit",
        "distance",
        "max",
        "min",
        "avg",
    ];
    WORDS.contains(&word)
}

/// Whether a word says that the value is written for people to read.
pub fn describes(word: &str) -> bool {
    const WORDS: [&str; 30] = [
        "name",
        "title",
        "description",
        "comment",
        "note",
        "text",
        "address",
        "email",
        "mail",
        "phone",
        "fax",
        "url",
        "homepage",
        "website",
        "detail",
        "content",
        "message",
        "label",
        "summary",
        "street",
        "city",
        "street",
        "password",
        "photo",
        "picture",
        "image",
        "path",
        "file",
        "body",
        "remark",
    ];
    WORDS.contains(&word)
}

/// Whether a word belongs to what is kept about a row, not in it.
pub fn audits(word: &str) -> bool {
    const WORDS: [&str; 12] = [
        "modified",
        "updated",
        "update",
        "created",
        "creation",
        "inserted",
        "changed",
        "deleted",
        "rowguid",
        "timestamp",
        "audit",
        "version",
    ];
    WORDS.contains(&word)
}

/// Whether a word is the beginning of a name of one word, or the first letters of several.
pub fn shortens(word: &str, name: &[String]) -> bool {
    let initials: String = name.iter().filter_map(|word| word.chars().next()).collect();
    match name {
        [only] => only.starts_with(word),
        _ => word.len() > 1 && word == initials,
    }
}
