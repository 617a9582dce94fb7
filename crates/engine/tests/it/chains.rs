//! How long a chain of operators is, told before a parser goes down with it.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::Tokenizer;
use windvane_engine::expression::few_operators;

/// The count that is told of a text with this many times `one`; 0 where it may be parsed.
fn told(before: &str, one: &str, times: usize, after: &str) -> usize {
    let text = format!("{before}{}{after}", one.repeat(times));
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, &text).tokenize_with_location().unwrap_or_default();
    assert!(!tokens.is_empty(), "{text}");
    let words = few_operators(&tokens).err().map(|error| error.to_string()).unwrap_or_default();
    words.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_default()
}

#[test]
fn chains_are_as_long_as_they_are_written() {
    for one in [" + 1", " AND a", " IN (1)", " IS NULL", "::text", "[1]", " || (b)", " LIKE b", " BETWEEN b", " - -1"] {
        assert_eq!((told("a", one, 700, ""), told("a", one, 600, "")), (700, 0), "{one}");
    }
    assert_eq!(told("a", " NOTNULL", 700, ""), 700);
    assert_eq!(told("f(1)", "(1)", 700, ""), 700);
    // Across the commas of the lists.
    assert!(told("SELECT a, b FROM x", " UNION SELECT a, b FROM x", 700, "") >= 700);
    // The parser goes down far with each.
    assert_eq!(told("a FROM x", " JOIN x", 70, ""), 701);
}

/// A column may be called as a word of the grammar is.
#[test]
fn names_that_are_words_hide_no_chain() {
    for name in ["when", "then", "else", "end", "case", "as", "join", "date", "over"] {
        for one in [format!(" + {name}"), format!(" + s.{name}"), format!("::a.{name}"), format!(" AND {name}")] {
            let of_name = format!("s.{name}");
            for before in ["n", name, &of_name] {
                assert!(told(before, &one, 700, "") >= 700, "{before}{one}");
            }
        }
        let (joins, nested) = (format!(" JOIN input {name}"), format!(" + n.case{} + n.end", " + n".repeat(10)));
        assert!(told("SELECT s FROM input", &joins, 70, "") >= 700, "{joins}");
        assert!(told("n", &nested, 100, "") >= 1_000);
    }
}

#[test]
fn what_stands_beside_each_other_makes_no_chain() {
    assert_eq!(told("n IN (-0", ", -1", 5_000, ")"), 0);
    assert_eq!(told("CASE", " WHEN n BETWEEN 1 AND 2 THEN 'a'", 300, " END"), 0);
    assert_eq!(told("coalesce(a + 1", ", b * c + 2", 5_000, ")"), 0);
    assert_eq!(told("SELECT input.a", ", input.b + 1 AS c", 5_000, " FROM input"), 0);
}

#[test]
fn a_chain_in_brackets_counts_for_the_one_around_it() {
    assert_eq!(told("a + (b", " * c", 699, " - d) + 1"), 702);
    assert_eq!(told("f(1, (c", " * d", 699, ") * e, f) - 1"), 701);
    assert_eq!(told("(CASE WHEN a THEN (b", " + 1", 699, " + 2) END + 3) || 'x'"), 702);
    assert_eq!(told(")) + a", " + b", 700, ""), 701);
}

/// The brackets of some clauses are beyond the parser's own limit.
#[test]
fn brackets_that_nest_too_deep_are_told() {
    assert_eq!(told("PATTERN(", "(", 4_000, ""), 4_001);
    assert_eq!(told("f", "(a", 200, ""), 0);
}
