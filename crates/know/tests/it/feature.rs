//! The judge of feature types: its model is whole, its answers are answers, and plain columns are what they look like.

use proptest::prelude::*;
use windvane_know::feature::{Class, Evidence, SAMPLES, judge, model, model_bytes, vector};

fn column(name: &str, samples: &[&str], total: u64, distinct: u64) -> Evidence {
    let samples = samples.iter().map(|sample| (*sample).to_owned()).collect();
    Evidence { name: name.to_owned(), samples, total, distinct, ..Evidence::default() }
}

#[test]
fn the_model_is_whole_and_small() {
    let model = model().unwrap();
    assert_eq!(model.classes, Class::ALL.len());
    assert_eq!(model.features, vector(&Evidence::default()).len());
    assert_ne!(model.trained_on, [0; 32]);
    assert!(model_bytes() < 4_000_000, "{} bytes", model_bytes());
}

#[test]
fn plain_columns_are_what_they_look_like() {
    let numbers = Evidence {
        mean: Some(51.3),
        std: Some(28.1),
        min: Some(0.25),
        max: Some(99.5),
        ..column("temperature", &["20.5", "31.25", "17.75", "90.5", "44.0"], 5_000, 3_200)
    };
    let cases = [
        (Class::Numeric, numbers),
        (Class::Categorical, column("status", &["open", "paid", "void"], 5_000, 3)),
        (Class::Datetime, column("created_at", &["2021-03-04", "2021-03-05", "2021-03-09"], 900, 700)),
        (Class::Datetime, column("date", &["1/2/1992", "3/4/1992", "5/6/1993", "7/8/1994"], 900, 700)),
        (Class::Url, column("link", &["https://example.org/a", "https://example.org/b?c=1"], 900, 880)),
        (Class::EmbeddedNumber, column("price", &["$1,200.00", "$860.00", "$12,999.50"], 400, 350)),
        (Class::EmbeddedNumber, column("growth", &["16%", "4.5%", "-3%", "12%"], 400, 150)),
        (Class::NotGeneralizable, column("customer_id", &["C-00017", "C-00018", "C-00019"], 3_000, 3_000)),
        (Class::NotGeneralizable, column("currency", &["EUR"], 3_000, 1)),
    ];
    for (class, evidence) in cases {
        let found = judge(&evidence);
        assert_eq!(found.feature_type, class, "{}: {found:?}", evidence.name);
        assert!(found.confidence > 0.3, "{}: {found:?}", evidence.name);
    }
}

#[test]
fn a_column_without_values_teaches_nothing() {
    let found = judge(&Evidence { nulls: 10, ..column("anything", &["", ""], 10, 0) });
    assert_eq!((found.feature_type, found.confidence.to_bits()), (Class::NotGeneralizable, 1.0_f64.to_bits()));
}

proptest! {
    #[test]
    fn every_evidence_gets_an_answer(
        name in ".{0,40}",
        samples in prop::collection::vec(".{0,60}|[0-9]{1,30}|[-$]?[0-9]{1,3}(,[0-9]{3}){0,3}[.][0-9]{2}", 0..8),
        (total, nulls, distinct) in any::<(u64, u64, u64)>(),
        figures in any::<[Option<f64>; 4]>(),
    ) {
        let [mean, std, min, max] = figures;
        let evidence = Evidence { name, samples, total, nulls, distinct, mean, std, min, max };
        prop_assert_eq!(vector(&evidence).len(), vector(&Evidence::default()).len());
        let found = judge(&evidence);
        prop_assert!((0.0..=1.0).contains(&found.confidence), "{:?}", found);
        prop_assert_eq!(found, judge(&evidence));
        if total > nulls {
            let shares = model().unwrap().probabilities(&vector(&evidence));
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(shares.iter().all(|share| *share <= found.confidence));
        }
    }

    /// What repeats, and what comes after the samples that are looked at, changes nothing.
    #[test]
    fn samples_that_repeat_change_nothing(samples in prop::collection::hash_set("[a-z0-9]{1,8}", SAMPLES), more in "[a-z]{1,8}") {
        let samples: Vec<String> = samples.into_iter().collect();
        let once = Evidence { name: "x".to_owned(), samples: samples.clone(), total: 50, distinct: 40, ..Evidence::default() };
        let longer = samples.iter().flat_map(|one| [one.clone(), one.clone()]).chain([more]).collect();
        prop_assert_eq!(vector(&once), vector(&Evidence { samples: longer, ..once.clone() }));
    }
}
