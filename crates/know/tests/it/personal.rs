//! What is called personal in a text: numbers by their check digits, names by what stands around them.

use proptest::prelude::*;
use windvane_know::personal::{Found, LIKELY, asked, checked, find, formed, is_sound, kinds};

fn parts<'a>(text: &'a str, found: &[Found]) -> Vec<(&'static str, &'a str)> {
    found.iter().map(|one| (one.kind, &text[one.start..one.end])).collect()
}

fn luhn(digits: &str) -> String {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[test]
fn all_patterns_can_be_read() {
    assert!(is_sound());
    assert!(kinds().len() > 90, "{}", kinds().len());
}

#[test]
fn forms_are_found_where_they_stand() {
    let text = "Write to ada@example.org or +44 20 7946 0018, IBAN GB82 WEST 1234 5698 7654 32, from 2001:db8::7 and 10.1.2.3.";
    let found = find(text);
    let found = parts(text, &found);
    for part in [
        ("email", "ada@example.org"),
        ("phone", "+44 20 7946 0018"),
        ("iban", "GB82 WEST 1234 5698 7654 32"),
        ("ipv6", "2001:db8::7"),
        ("ipv4", "10.1.2.3"),
    ] {
        assert!(found.contains(&part), "{part:?} in {found:?}");
    }
}

#[test]
fn a_wrong_check_digit_is_no_value() {
    for (kind, right, wrong) in [
        ("iban", "DE89370400440532013000", "DE88370400440532013000"),
        ("credit_card", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("pl_pesel", "02070803628", "02070803629"),
        ("es_nif", "12345678Z", "12345678A"),
        ("br_cpf", "529.982.247-25", "529.982.247-26"),
        ("ch_ahv", "756.9217.0769.85", "756.9217.0769.84"),
        ("cn_resident_id", "11010519491231002X", "110105194912310021"),
        ("fi_personal_identity_code", "131052-308T", "131052-308U"),
        ("uk_nhs", "943 476 5919", "943 476 5918"),
        ("nl_bsn", "111222333", "111222334"),
    ] {
        assert_eq!(asked(right, &[kind]).len(), 1, "{kind} {right}");
        assert_eq!(asked(wrong, &[kind]), [], "{kind} {wrong}");
        assert!(checked(right).contains(&kind) || kind == "nl_bsn" || kind == "uk_nhs", "{kind}");
    }
}

#[test]
fn a_weak_form_counts_near_its_word_only() {
    assert_eq!(formed("Order 943476590 is late"), []);
    assert_eq!(find("943476590"), []);
    let text = "My passport is 943476590";
    let found = find(text);
    assert!(found.iter().any(|one| one.kind.contains("passport") && one.confidence >= LIKELY), "{found:?}");
}

#[test]
fn names_and_addresses_are_found_in_sentences() {
    let text = "Please send it to Margaret Hughes, 14 Station Road, Leeds.";
    let found = find(text);
    let found = parts(text, &found);
    assert!(found.iter().any(|(kind, part)| *kind == "person_name" && part.contains("Margaret")), "{found:?}");
    assert!(found.iter().any(|(kind, part)| *kind == "street_address" && part.contains("Station")), "{found:?}");
    assert_eq!(find("The invoice was paid twice, and nobody noticed."), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn cards_are_found_and_their_neighbours_are_not(digits in "4[0-9]{14}", at in 0_usize..15, by in 1_u32..10) {
        let card = luhn(&digits);
        prop_assert_eq!(asked(&card, &["credit_card"]).len(), 1);
        let other: String = card
            .char_indices()
            .map(|(index, digit)| match digit.to_digit(10) {
                Some(value) if index == at + 1 => char::from_digit((value + by) % 10, 10).unwrap(),
                _ => digit,
            })
            .collect();
        prop_assert_eq!(asked(&other, &["credit_card"]), []);
    }

    #[test]
    fn places_are_whole_and_apart(text in "\\PC{0,80}|([A-Z][a-zé]{2,6}|[0-9]{1,9}|[-+@.:/(), \n]){0,30}") {
        let mut end = 0;
        for one in find(&text) {
            prop_assert!(text.get(one.start..one.end).is_some_and(|part| !part.is_empty()), "{:?}", one);
            prop_assert!(one.start >= end && one.confidence >= LIKELY && one.confidence <= 1.0, "{:?}", one);
            end = one.end;
        }
        let all = kinds();
        asked(&text, &all);
        checked(&text);
    }
}
