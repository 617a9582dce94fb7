//! The answer of a model as a value: what is taken, and the words for what is not.

use super::service::{GOOD, Keys};
use windvane_llm::gateway::read;

fn keys(text: &str) -> Result<Keys, String> {
    read(text, &|_: &Keys| Ok(()))
}

#[test]
fn a_fence_around_the_document_is_taken_off() {
    for text in [
        GOOD.to_owned(),
        format!("\n {GOOD}\n"),
        format!("```json\n{GOOD}\n```"),
        format!("```\n{GOOD}```"),
        format!(" ```json{GOOD}```\n"),
    ] {
        assert_eq!(keys(&text).unwrap(), Keys { table: "orders".to_owned(), keys: vec!["id".to_owned()] }, "{text}");
    }
}

#[test]
fn a_document_that_is_cut_anywhere_is_not_json() {
    for cut in 0..GOOD.len() {
        let said = keys(&GOOD[..cut]).unwrap_err();
        assert!(said.starts_with("it is not JSON ("), "{cut}: {said}");
        let said = keys(&format!("```json\n{}\n```", &GOOD[..cut])).unwrap_err();
        assert!(said.starts_with("it is not JSON ("), "{cut}: {said}");
    }
}

#[test]
fn words_beside_the_document_make_it_none() {
    for text in [
        format!("Here you are: {GOOD}"),
        format!("{GOOD} I hope this helps."),
        format!("{GOOD}{GOOD}"),
        format!("```json\n{GOOD}"),
        format!("```json\n{GOOD}\n```\nDone."),
        format!("```yaml\n{GOOD}\n```"),
        "<html></html>".to_owned(),
    ] {
        assert!(keys(&text).unwrap_err().starts_with("it is not JSON ("), "{text}");
    }
}

#[test]
fn another_shape_is_named() {
    for (text, word) in [
        ("null", "null"),
        ("[]", "length"),
        ("\"orders\"", "string"),
        (r#"{"table":"orders"}"#, "keys"),
        (r#"{"table":"orders","keys":"id"}"#, "string"),
        (r#"{"table":7,"keys":[]}"#, "7"),
        (r#"{"table":"orders","keys":[null]}"#, "null"),
        (r#"{"table":"orders","keys":[],"drop":true}"#, "drop"),
        (r#"{"table":"orders","keys":[],"keys":["id"]}"#, "keys"),
    ] {
        let said = keys(text).unwrap_err();
        assert!(said.starts_with("it does not have the asked shape (") && said.contains(word), "{text}: {said}");
    }
}

#[test]
fn what_the_caller_says_of_it_counts() {
    let said = read(GOOD, &|keys: &Keys| Err(format!("'{}' has no column '{}'", keys.table, keys.keys[0])));
    assert_eq!(said.unwrap_err(), "'orders' has no column 'id'");
    // A wrong shape does not come so far.
    assert!(read("{}", &|_: &Keys| Err("asked".to_owned())).unwrap_err().contains("shape"));
}

#[test]
fn its_own_words_are_told_short_and_without_what_is_personal() {
    let said = keys(r#"{"table":"orders","keys":"anna@example.com"}"#).unwrap_err();
    assert!(said.contains("[email]") && !said.contains("anna"), "{said}");
    let said = keys(&format!(r#"{{"table":"orders","keys":"{}"}}"#, "word ".repeat(1_000))).unwrap_err();
    assert!(said.contains("word word") && said.chars().count() < 400, "{}", said.len());
}
