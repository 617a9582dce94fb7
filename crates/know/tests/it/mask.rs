//! Texts that a profile shows: personal values inside them become marks, all else stays.

use proptest::prelude::*;
use windvane_know::profile::mask::{is_hidden, text};

fn personal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9]{1,8}[.][a-z]{2,6}@[a-z]{3,8}[.](com|org|de)",
        "[+]49 30 [0-9]{7}",
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
    ]
}

/// Words; two letters before digits may be the country of an IBAN.
fn around() -> impl Strategy<Value = String> {
    "([A-Za-zäé]{3,7} ){0,3}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_personal_value_never_comes_out(before in around(), mark in "|[(<\"'=]", value in personal(), end in "|[)>\"',;.]", after in "( [a-zäé]{2,7}){0,3}") {
        let masked = text(&format!("{before}{mark}{value}{end}{after}"));
        prop_assert!(!masked.contains(&value), "{}", masked);
        prop_assert!(masked.contains('['), "{}", masked);
        // What stands around it is still there.
        prop_assert!(masked.starts_with(&before) && masked.ends_with(&after), "{}", masked);
    }

    #[test]
    fn two_values_go_both(one in personal(), between in " | und |, ", other in personal()) {
        let masked = text(&format!("{one}{between}{other}"));
        prop_assert!(!masked.contains(&one) && !masked.contains(&other), "{}", masked);
    }

    #[test]
    fn words_stay_as_they_are(words in "([a-zäé]{1,9} ){0,6}[a-z]{1,5}[.!?]?") {
        prop_assert_eq!(text(&words), words);
    }

    #[test]
    fn no_text_makes_it_panic(any in "\\PC{0,60}|[0-9 +()@.é-]{0,60}") {
        let masked = text(&any);
        prop_assert_eq!(text(&masked), masked);
    }
}

#[test]
fn some_names_say_enough() {
    let hidden = |names: &[&str]| names.iter().map(|name| is_hidden(name)).collect::<Vec<_>>();
    assert_eq!(hidden(&["password", "api_token", "salary"]), hidden(&["PASSWORD", "ApiToken", "Salary"]));
    assert_eq!(hidden(&["password", "amount", "id"]), [true, false, false]);
}
