//! The words of the grammar. A column or a value that is called like one of them must be written in quotes.

use crate::name_similarity::singular;

/// Words or short phrases of one meaning.
pub(super) type Phrases = &'static [&'static str];

pub(super) const ARTICLES: Phrases =
    &["the", "a", "an", "any", "our", "its", "their", "all the", "all", "of the", "these", "those"];
pub(super) const NEGATIONS: Phrases = &[
    "do not ever",
    "do not want to",
    "do not",
    "does not",
    "did not",
    "should not",
    "must not",
    "may not",
    "can not",
    "shall not",
    "will not",
    "need not",
    "would not",
    "never ever",
    "never",
    "not",
];
pub(super) const REMOVE: Phrases = &[
    "drop",
    "remove",
    "exclude",
    "delete",
    "omit",
    "skip",
    "discard",
    "eliminate",
    "leave out",
    "filter out",
    "take out",
    "throw away",
    "throw out",
    "get rid of",
    "sort out",
    "dropping",
    "removing",
    "excluding",
    "deleting",
    "omitting",
    "skipping",
    "discarding",
    "leaving out",
    "filtering out",
    "leave away",
];
pub(super) const KEEP: Phrases = &[
    "keep",
    "include",
    "retain",
    "preserve",
    "load",
    "take",
    "want",
    "need",
    "import",
    "copy",
    "keeping",
    "including",
    "loading",
    "touch",
    "change",
    "alter",
    "lose",
];
/// Verbs of `KEEP` that do something to what follows: to negate one is to keep.
pub(super) const LOSES: Phrases = &["touch", "change", "alter", "lose"];
pub(super) const WITHOUT: Phrases =
    &["without any", "without", "excluding", "except for", "except", "apart from", "minus", "leaving out"];
pub(super) const ONLY: Phrases =
    &["only", "just", "solely", "exclusively", "nothing but", "nothing except", "no more than the"];
pub(super) const REMOVED: Phrases = &[
    "excluded",
    "removed",
    "dropped",
    "deleted",
    "omitted",
    "skipped",
    "discarded",
    "left out",
    "filtered out",
    "taken out",
    "thrown away",
    "eliminated",
    "not included",
    "not wanted",
    "not needed",
    "not loaded",
    "not kept",
    "unwanted",
];
pub(super) const KEPT: Phrases = &[
    "kept",
    "included",
    "retained",
    "preserved",
    "wanted",
    "needed",
    "loaded",
    "allowed",
    "fine",
    "ok",
    "okay",
    "welcome",
    "not excluded",
    "not removed",
    "not dropped",
    "not deleted",
    "not omitted",
    "not ignored",
    "not skipped",
    "not discarded",
    "not left out",
    "not filtered out",
    "not lost",
    "untouched",
    "unchanged",
];
/// Between a subject and what is said of it.
pub(super) const BE: Phrases = &[
    "should be",
    "must be",
    "shall be",
    "have to be",
    "has to be",
    "need to be",
    "needs to be",
    "to be",
    "will be",
    "are to be",
    "is to be",
    "can be",
    "may be",
    "are",
    "is",
    "be",
    "stay",
    "stays",
    "remain",
    "remains",
];
/// Permission is no wish to remove.
pub(super) const MAY: Phrases = &["can be", "may be", "stay", "stays", "remain", "remains"];
pub(super) const NOT_BE: Phrases = &[
    "should not be",
    "must not be",
    "shall not be",
    "are not to be",
    "is not to be",
    "will not be",
    "may not be",
    "can not be",
    "must never be",
    "should never be",
    "are never",
    "is never",
    "need not be",
];
pub(super) const ROWS: Phrases = &["row", "record", "entry", "one", "line"];
pub(super) const COLUMN: Phrases = &["column", "field", "columns", "fields"];
pub(super) const DUPLICATED: Phrases = &["duplicate", "duplicated", "repeated", "double", "doubled"];
pub(super) const DUPLICATES: Phrases = &["duplicates", "duplicate", "dupes", "doublets", "repetitions"];
pub(super) const DEDUPLICATE: Phrases = &["deduplicate", "dedupe", "dedup", "de duplicate", "de dupe"];
pub(super) const DEDUPLICATED: Phrases = &["deduplicated", "deduped", "de duplicated", "de duped"];
pub(super) const NULLS: Phrases = &["null values", "missing values", "nulls", "null", "missing"];
pub(super) const PERSONAL: Phrases = &[
    "personally identifiable information",
    "personal data",
    "personal information",
    "personal details",
    "personal columns",
    "personal fields",
    "personal identifiers",
    "pii",
    "personal stuff",
];
pub(super) const ANONYMOUS: Phrases = &["anonymised", "anonymized", "anonymise everything", "anonymize everything"];
pub(super) const EVERYTHING: Phrases = &[
    "anything",
    "everything",
    "any rows",
    "any row",
    "any columns",
    "any column",
    "all rows",
    "all columns",
    "rows",
    "columns",
    "all data",
    "any data",
    "all of them",
    "all of it",
];
pub(super) const AS_IS: Phrases = &["as they are", "as it is", "as is", "unchanged", "untouched", "as they stand"];
/// A whole sentence that asks for nothing.
pub(super) const PURPOSES: Phrases =
    &["report", "reports", "reporting", "analysis", "analytics", "dashboard", "dashboards"];
pub(super) const AND: Phrases = &["and", "or", "nor", "as well as", "plus"];

/// Whether a word belongs to the grammar.
pub(super) fn reserved(word: &str) -> bool {
    let all = [
        ARTICLES,
        NEGATIONS,
        REMOVE,
        KEEP,
        WITHOUT,
        ONLY,
        REMOVED,
        KEPT,
        BE,
        ROWS,
        COLUMN,
        DUPLICATED,
        DUPLICATES,
        DEDUPLICATE,
        DEDUPLICATED,
        NULLS,
        EVERYTHING,
        AND,
        PERSONAL,
        &[
            "no", "non", "with", "where", "whose", "that", "which", "who", "in", "on", "by", "per", "for", "each",
            "every", "once", "unique", "distinct", "rename", "mask", "hash", "redact", "to", "but", "other", "than",
            "having", "empty", "either", "both", "of", "from", "over", "under", "above", "below", "more", "less",
            "least", "most", "always", "equals", "equal", "single", "exactly", "as", "into",
        ],
    ];
    // `de` is half of "de-duplicate" only, and Germany otherwise.
    word != "de" && all.iter().any(|group| group.iter().any(|phrase| phrase.split(' ').any(|part| part == word)))
}

/// Whether two words are one but for the participle: `completed` and `complete`, `cancelled` and `canceled`, `shipped` and
/// `ship`. Nothing looser: `opening` is not `open`.
pub(super) fn alike(left: &str, right: &str) -> bool {
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    let short = |word: &str| word.strip_suffix("lled").filter(|stem| stem.len() >= 4).map(|stem| format!("{stem}led"));
    left == right
        || participle(&left, &right)
        || participle(&right, &left)
        || short(&left).is_some_and(|short| short == right)
        || short(&right).is_some_and(|short| short == left)
}

fn participle(verb: &str, form: &str) -> bool {
    let Some(last) = verb.chars().last().filter(|_| verb.chars().count() >= 3) else { return false };
    form == format!("{verb}ed")
        || last == 'e' && form == format!("{verb}d")
        || last == 'y' && form == format!("{}ied", verb.trim_end_matches('y'))
        || "bdglmnprt".contains(last) && verb.chars().count() >= 4 && form == format!("{verb}{last}ed")
}

/// Whether a name's words are these words, singular or plural.
pub(super) fn same_words(name: &[String], words: &[&str]) -> bool {
    name.len() == words.len()
        && name
            .iter()
            .zip(words)
            .all(|(mine, other)| mine == other || *mine == singular(other) || singular(mine) == singular(other))
}
