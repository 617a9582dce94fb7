//! Personal values and secrets never come out, wherever they stand in a text.

use proptest::prelude::*;
use serde_json::{Value, json};
use windvane_core::redact;

/// A value that must go, and how it is written.
fn personal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9._+-]{1,12}@[a-z]{2,8}[.](com|org|co[.]uk)",
        "[A-Z]{2}[0-9]{2}( [A-Z0-9]{4}){4} [0-9]{2}",
        "[A-Z]{2}[0-9]{2}[A-Z0-9]{16}",
        "4[0-9]{3}( [0-9]{4}){3}|5[0-9]{15}|4[0-9]{3}(-[0-9]{4}){3}",
        "[+]49 [0-9]{2,3} [0-9]{6,8}|[+]1-[0-9]{3}-[0-9]{3}-[0-9]{4}",
        "[(]0[0-9]{2}[)] [0-9]{3}-[0-9]{4}|0[0-9]{2}-[0-9]{3}-[0-9]{4}|0[0-9]{10}",
        "[1-9][0-9]{2}-[0-9]{2}-[0-9]{4}",
        "(1[0-9]{2}|2[0-4][0-9])[.][1-9][0-9][.][0-9][.][1-9]",
        "2001:db8(:[0-9a-f]{4}){6}|fe80::[1-9a-f]{4}",
        "eyJ[A-Za-z0-9]{12}[.]eyJ[A-Za-z0-9]{12}[.][A-Za-z0-9_-]{20}",
        "(sk|ghp|glpat)-[A-Za-z0-9]{20}|AKIA[A-Z0-9]{16}",
        "[A-Za-z0-9]{40}",
    ]
}

/// A secret behind the word that says so.
fn told() -> impl Strategy<Value = (String, String)> {
    let secret = "[A-Za-z0-9!#%^*_-]{6,14}[0-9]";
    prop_oneof![
        (
            prop::sample::select(vec![
                "password=",
                "api_key: ",
                "token = ",
                "PGPASSWORD=",
                "client_secret\": \"",
                "passwd:"
            ]),
            secret
        )
            .prop_map(|(word, secret)| (format!("{word}{secret}"), secret)),
        ("[a-z]{3,8}", "[A-Za-z0-9@!:%^*_-]{6,14}[0-9]")
            .prop_map(|(user, secret)| (format!("postgresql://{user}:{secret}@db:5432/shop"), secret)),
        "[A-Za-z0-9_-]{6,14}[0-9]".prop_map(|secret| (format!("Authorization: Bearer {secret}"), secret)),
    ]
}

/// What stands around a value in messages and rows.
fn before() -> impl Strategy<Value = String> {
    "([A-Za-zé]{1,6} ){0,3}(|'|\"|[(]|: |, |=|<)"
}

fn after() -> impl Strategy<Value = String> {
    "(|'|\"|[)]|,|;|[.]|>)( [A-Za-zé]{1,6}){0,3}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_personal_value_never_comes_out(before in before(), value in personal(), after in after()) {
        let text = redact::text(&format!("{before}{value}{after}"));
        prop_assert!(!text.contains(&value), "{}", text);
        prop_assert!(text.contains('['), "{}", text);
    }

    #[test]
    fn a_secret_never_comes_out(before in before(), (told, secret) in told(), after in after()) {
        let text = redact::text(&format!("{before}{told}{after}"));
        prop_assert!(!text.contains(&secret), "{}", text);
        // Nor the most of it.
        prop_assert!(!text.contains(&secret[secret.len() / 2..]), "{} of {}", text, told);
    }

    #[test]
    fn two_values_beside_each_other_go_both(one in personal(), other in personal(), between in "( |, | und |; )") {
        let text = redact::text(&format!("{one}{between}{other}"));
        prop_assert!(!text.contains(&one) && !text.contains(&other), "{}", text);
    }

    #[test]
    fn a_document_keeps_its_shape(before in before(), value in personal(), after in after(), number in any::<i64>()) {
        let text = format!("{before}{value}{after}");
        let clean = redact::document(&json!({"rows": [{"mail": text, "n": number}, null, true], "why": text}));
        prop_assert!(!clean.to_string().contains(&value));
        let row = &clean["rows"][0];
        prop_assert_eq!((&row["n"], &clean["rows"][1], &clean["rows"][2]), (&json!(number), &Value::Null, &json!(true)));
    }

    #[test]
    fn what_is_clean_stays_so(text in "\\PC{0,40}|[a-z0-9@.: -]{0,40}") {
        let once = redact::text(&text);
        prop_assert_eq!(redact::text(&once), once);
    }
}

#[test]
fn a_password_may_hold_what_ends_it() {
    assert_eq!(redact::text("postgresql://me:p@ss@db:5432/shop"), "postgresql://[credentials]@db:5432/shop");
}

#[test]
fn words_and_days_stay() {
    redact::ready().unwrap();
    for text in
        ["orders of 2024-01-31 at 12:30", "column 'amount' is decimal(15,2), 1234.56", "row 4711 of 120000", "v1.2.3"]
    {
        assert_eq!(redact::text(text), text);
    }
}

#[test]
fn a_secret_is_hidden_however_it_is_spelt() {
    let secret = "h\"nt\\<er>/2 ü&";
    let spelt = [
        secret.to_owned(),
        serde_json::json!(secret).to_string(),
        serde_json::json!(secret).to_string().replace('/', "\\/"),
        "h%22nt%5C%3Cer%3E%2F2%20%C3%BC%26".to_owned(),
        "h%22nt%5c%3cer%3e%2f2%20%c3%bc%26".to_owned(),
        "h%22nt%5C%3Cer%3E%2F2+%C3%BC%26".to_owned(),
        "h&quot;nt\\&lt;er&gt;/2 ü&amp;".to_owned(),
    ];
    for text in spelt {
        let told = redact::without(&format!("the key {text} is refused"), &[secret], "[key]");
        assert!(told.contains("[key]") && !told.contains("nt"), "{text}: {told}");
    }
    assert_eq!(redact::without("ops-hunter2 of ops", &["ops", "ops-hunter2"], "[secret]"), "[secret] of [secret]");
    assert_eq!(redact::without("a b c", &["a", "", "bc"], "[secret]"), "a b c");
}
