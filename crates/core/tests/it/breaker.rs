//! The breaker against a model of its own: what happened, with the times, in a list.

use super::breaker_model::Model;
use proptest::prelude::*;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::breaker::{
    Admission, Outcome, Permit, Phase, STAGE, Settings, State, Window, admit, record,
};
use windvane_core::resilience::clock::Now;

#[derive(Debug, Clone)]
enum Deed {
    Wait(f64),
    Ask,
    /// A permit of those that were given, and how its call went.
    Report(prop::sample::Index, Outcome),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let outcome = prop_oneof![3 => Just(Outcome::Failure), 3 => Just(Outcome::Success), 1 => Just(Outcome::Neither)];
    let deed = prop_oneof![
        2 => (0_u8..60).prop_map(|half| Deed::Wait(f64::from(half) / 2.0)),
        4 => Just(Deed::Ask),
        4 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Deed::Report(which, outcome)),
    ];
    prop::collection::vec(deed, 1..120)
}

fn settings() -> impl Strategy<Value = Settings> {
    (1_u32..4, 1_u8..20, 1_u32..4, prop::option::of(1_u32..4), 1_u8..20).prop_map(
        |(failure_threshold, cooldown, probes, successes, timeout)| Settings {
            failure_threshold,
            cooldown: cooldown.into(),
            probes,
            successes,
            probe_timeout: timeout.into(),
            window: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_does_what_the_model_does(settings in settings(), deeds in deeds()) {
        let (mut state, mut model, mut now) = (State::default(), Model::default(), 1000.0);
        let mut permits: Vec<(Permit, (usize, usize))> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Wait(seconds) => now += seconds,
                Deed::Ask => {
                    let (next, admission) = admit(state, &settings, Now(now));
                    let number = permits.len();
                    let expected = model.admits(&settings, now, number);
                    match admission {
                        Admission::Granted { permit } => permits.push((permit, (model.era, number))),
                        Admission::Refused { retry_after } => {
                            prop_assert!(retry_after > 0.0 && retry_after <= settings.cooldown);
                            let later = admit(next.clone(), &settings, Now(now + retry_after)).1;
                            let waited = matches!(later, Admission::Granted { .. });
                            let probing = matches!(next.phase, Phase::HalfOpen { .. });
                            prop_assert!(waited || probing);
                        }
                    }
                    prop_assert_eq!(matches!(admission, Admission::Granted { .. }), expected);
                    state = next;
                }
                Deed::Report(which, outcome) if !permits.is_empty() => {
                    let (permit, known) = permits[which.index(permits.len())];
                    state = record(state, &settings, permit, outcome, Now(now));
                    model.learns(&settings, now, known, outcome);
                }
                Deed::Report(..) => {}
            }
            prop_assert_eq!(matches!(state.phase, Phase::Open { .. }), model.open_since.is_some());
            prop_assert_eq!(matches!(state.phase, Phase::HalfOpen { .. }), model.probes.is_some());
            let written = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<State>(&written).unwrap(), &state);
        }
    }

    /// So many failures among so many calls: with a rate it opens at the first failure that makes the rate too high.
    #[test]
    fn a_rate_opens_it(outcomes in prop::collection::vec(any::<bool>(), 1..40), calls in 1_u32..10, rate in 1_u8..=10) {
        let window = Window { seconds: 60.0, calls, rate: f64::from(rate) / 10.0 };
        let settings = Settings { failure_threshold: u32::MAX, window: Some(window), ..Settings::default() };
        let (mut state, mut all, mut failed, mut open) = (State::default(), 0, 0, false);
        let permit = Permit { generation: 0, probe: None };
        for (second, fails) in (0_u8..).zip(outcomes) {
            let outcome = if fails { Outcome::Failure } else { Outcome::Success };
            state = record(state, &settings, permit, outcome, Now(f64::from(second)));
            all += u32::from(!open);
            failed += u32::from(fails && !open);
            open |= fails && all >= calls && f64::from(failed) >= window.rate * f64::from(all);
            prop_assert_eq!(matches!(state.phase, Phase::Open { .. }), open);
        }
    }
}

#[test]
fn only_what_may_pass_counts() {
    let of = |error: Error| Outcome::of(&Err::<(), _>(error));
    assert_eq!(Outcome::of(&Result::Ok(())), Outcome::Success);
    assert_eq!([of(Error::new(Kind::Timeout, "slow")), of(Error::data("wrong"))], [Outcome::Failure, Outcome::Neither]);
    assert_eq!(of(Error::new(Kind::Unavailable, "open").in_stage(STAGE)), Outcome::Neither);
}
