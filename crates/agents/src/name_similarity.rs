//! How much two column names say the same.

use windvane_know::profile::semantic::words;

/// Abbreviations that people put into column names.
const SHORT: [(&str, &str); 46] = [
    ("acct", "account"),
    ("addr", "address"),
    ("amt", "amount"),
    ("avg", "average"),
    ("bal", "balance"),
    ("cat", "category"),
    ("cd", "code"),
    ("cnt", "count"),
    ("cntry", "country"),
    ("ctry", "country"),
    ("cust", "customer"),
    ("dept", "department"),
    ("desc", "description"),
    ("descr", "description"),
    ("dob", "birthdate"),
    ("dt", "date"),
    ("emp", "employee"),
    ("ext", "external"),
    ("fk", "id"),
    ("freq", "frequency"),
    ("grp", "group"),
    ("inv", "invoice"),
    ("lang", "language"),
    ("lat", "latitude"),
    ("lng", "longitude"),
    ("lon", "longitude"),
    ("loc", "location"),
    ("mgr", "manager"),
    ("msg", "message"),
    ("nbr", "number"),
    ("nm", "name"),
    ("no", "number"),
    ("nr", "number"),
    ("num", "number"),
    ("org", "organization"),
    ("pct", "percent"),
    ("ph", "phone"),
    ("pk", "id"),
    ("prod", "product"),
    ("qty", "quantity"),
    ("ref", "reference"),
    ("st", "street"),
    ("tel", "phone"),
    ("tot", "total"),
    ("ts", "timestamp"),
    ("txn", "transaction"),
];

/// Words that mean the same in a table.
const SAME: [&[&str]; 22] = [
    &["id", "key", "identifier", "uid"],
    &["zip", "zipcode", "postal", "postcode", "plz"],
    &["phone", "telephone", "mobile", "cell"],
    &["sex", "gender"],
    &["price", "cost", "amount", "value"],
    &["date", "day", "time", "timestamp", "datetime", "at"],
    &["name", "title", "label"],
    &["description", "comment", "note", "remark", "text", "content", "body"],
    &["customer", "client", "buyer"],
    &["vendor", "supplier", "seller"],
    &["product", "item", "article", "goods"],
    &["email", "mail"],
    &["url", "link", "website", "uri", "href"],
    &["birthdate", "birthday", "birth"],
    &["quantity", "count", "number"],
    &["country", "nation"],
    &["city", "town"],
    &["state", "province", "region"],
    &["type", "kind", "category", "class", "genre"],
    &["created", "inserted", "added"],
    &["updated", "modified", "changed"],
    &["author", "writer", "creator"],
];

/// A column's name, taken apart.
pub(super) struct Name {
    words: Vec<String>,
    /// Without the words that most columns of the table share: they say what the table is, not what the column is.
    own: Vec<String>,
}

/// The names of a table's columns.
pub(super) fn prepare<'a>(columns: impl Iterator<Item = &'a str>) -> Vec<Name> {
    let all: Vec<Vec<String>> = columns.map(expanded).collect();
    let shared = |word: &String| {
        let having = all.iter().filter(|words| words.contains(word)).count();
        all.len() >= 3 && having * 10 >= all.len() * 6
    };
    let own = all.iter().map(|words| words.iter().filter(|word| !shared(word)).cloned().collect());
    let own: Vec<Vec<String>> = own.collect();
    all.into_iter().zip(own).map(|(words, own)| Name { words, own }).collect()
}

/// 0 (nothing in common) to 1 (the same name).
pub(super) fn similarity(left: &Name, right: &Name) -> f64 {
    alike_words(&left.words, &right.words).max(0.97 * alike_words(&left.own, &right.own))
}

#[expect(clippy::cast_precision_loss, reason = "names are short")]
fn alike_words(left: &[String], right: &[String]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return 0.0;
    }
    if left == right {
        return 1.0;
    }
    let (whole_left, whole_right) = (left.concat(), right.concat());
    if whole_left == whole_right {
        return 0.98;
    }
    if initials(left, &whole_right) || initials(right, &whole_left) {
        return 0.75;
    }
    let best = |word: &str, others: &[String]| others.iter().map(|other| alike(word, other)).fold(0.0, f64::max);
    let sum = |words: &[String], others: &[String]| words.iter().map(|word| best(word, others)).sum::<f64>();
    let overlap = (sum(left, right) + sum(right, left)) / (left.len() + right.len()) as f64;
    let spelled = strsim::jaro_winkler(&whole_left, &whole_right);
    // Spelling alone misleads (status, state): it only supports what words have in common.
    0.8 * overlap + 0.2 * spelled.mul_add(2.0, -1.0).max(0.0)
}

/// The words, without abbreviations and plurals.
fn expanded(name: &str) -> Vec<String> {
    words(name)
        .into_iter()
        .map(|word| SHORT.iter().find(|(short, _)| *short == word).map_or(word, |(_, long)| (*long).to_owned()))
        .map(|word| singular(&word))
        .collect()
}

/// A rough singular: `orders` is `order`, `categories` is `category`, `address` stays.
pub(super) fn singular(word: &str) -> String {
    match word {
        word if word.len() > 4 && word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
        word if word.len() > 3
            && word.ends_with('s')
            && !word.ends_with("ss")
            && !word.ends_with("us")
            && !word.ends_with("is") =>
        {
            word[..word.len() - 1].to_owned()
        }
        word => word.to_owned(),
    }
}

fn alike(left: &str, right: &str) -> f64 {
    if left == right {
        return 1.0;
    }
    if SAME.iter().any(|group| group.contains(&left) && group.contains(&right)) {
        return 0.9;
    }
    let spelled = strsim::jaro_winkler(left, right);
    let shorter = left.len().min(right.len());
    if shorter >= 3 && (left.starts_with(right) || right.starts_with(left)) {
        return spelled.max(0.8);
    }
    // Scripts without spaces put the words of a name together.
    let (longer, part) = if left.len() < right.len() { (right, left) } else { (left, right) };
    let enough = if part.is_ascii() { part.len() >= 4 } else { part.chars().count() >= 2 };
    if enough && longer.contains(part) {
        return spelled.max(0.8);
    }
    if spelled >= 0.88 && shorter >= 4 { spelled } else { 0.0 }
}

/// `dob` of date, of, birth.
fn initials(words: &[String], other: &str) -> bool {
    words.len() >= 2 && words.iter().filter_map(|word| word.chars().next()).collect::<String>() == other
}
