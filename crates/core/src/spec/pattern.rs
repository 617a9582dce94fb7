//! Regular expressions that a spec names.

use super::path::shorten;
use crate::error::{Error, Result};
use regex::{Regex, RegexBuilder};

/// What one may hold once it is compiled, in bytes; `regex` itself bounds its time.
const MOST: usize = 1 << 20;

/// A regular expression, found anywhere in a text.
pub fn compile(text: &str) -> Result<Regex> {
    RegexBuilder::new(text).size_limit(MOST).build().map_err(|error| {
        let reason = match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => {
                let told = other.to_string();
                told.lines().next_back().unwrap_or_default().trim_start_matches("error: ").trim().to_owned()
            }
        };
        Error::spec(format!("'{}' is not a regular expression: {reason}", shorten(text)))
            .hint("Look-around and back-references are not supported; see docs.rs/regex for the syntax")
    })
}

/// A regular expression that must be all of a text.
pub fn whole(text: &str) -> Result<Regex> {
    // On its own first: `a)(b` is none, whatever stands around it.
    compile(text)?;
    compile(&format!("^(?:{text})$"))
}

#[cfg(test)]
mod tests {
    use super::{compile, whole};

    #[test]
    fn a_pattern_is_all_of_a_text_or_found_in_it() {
        let found = |pattern: &str, text: &str| compile(pattern).is_ok_and(|regex| regex.is_match(text));
        let all = |pattern: &str, text: &str| whole(pattern).is_ok_and(|regex| regex.is_match(text));
        assert!(found("b|c", "abd") && !all("b|c", "abd") && all("b|c", "c"));
        assert!(whole("a)(b").is_err());
    }

    #[test]
    fn one_that_is_too_large_is_refused_shortly() {
        let text = format!("({}){{1000}}", "a|".repeat(2_000));
        let told = compile(&text).map(|_| ()).map_err(|error| error.to_string());
        assert!(told.as_ref().is_err_and(|told| told.ends_with("it is too large") && told.len() < 130), "{told:?}");
    }
}
