//! JSON values as they may come, and shapes as a plan may say them.

use serde_json::value::RawValue;
use windvane_core::schema::{Shape, json};

fn wrong(text: &str) -> Option<String> {
    let raw: Box<RawValue> = serde_json::from_str(text).ok()?;
    json::check(&raw).err().map(|error| error.to_string())
}

#[test]
fn a_key_that_is_there_twice_is_found_wherever_it_is() {
    for text in
        [r#"{"a":1,"a":2}"#, r#"[0,{"b":{"a":{},"a":[]}}]"#, r#"{"a":"\"a\":","\u0061":1}"#, r#"{"a" : 1, "a"	: 2}"#]
    {
        assert!(wrong(text).is_some_and(|told| told.starts_with("the key 'a' is there twice")), "{text}");
    }
    for text in [r#"{"a":{"a":["a","a"]},"b":"a"}"#, r#"[{"a":1},{"a":1}]"#, r#"{"a\\":1,"a":"}{"}"#, r#"{"a":1e400}"#]
    {
        assert_eq!(wrong(text), None, "{text}");
    }
}

#[test]
fn what_is_nested_too_deep_is_told_and_takes_no_stack() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(wrong(&nested(1_000)), None);
    for levels in [1_001, 200_000] {
        assert!(wrong(&nested(levels)).is_some_and(|told| told.starts_with("it is nested more than 1000")), "{levels}");
    }
    let shape = |levels: usize| format!("{}int32{}", "list<".repeat(levels), ">".repeat(levels)).parse::<Shape>();
    assert!(shape(128).is_ok());
    assert!(shape(129).is_err() && shape(200_000).is_err());
}
