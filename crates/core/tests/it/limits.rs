//! Budgets, buckets and paces on a clock that the test turns.

use proptest::prelude::*;
use windvane_core::error::Kind;
use windvane_core::resilience::budget::{self, Limits, Spent};
use windvane_core::resilience::clock::Now;
use windvane_core::resilience::pace::{self, Pace};
use windvane_core::resilience::token_bucket::{self, Bucket, Taken};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// In no stretch of time more than the bucket holds and what came back meanwhile.
    #[test]
    fn a_bucket_never_gives_more_than_its_rate(
        rate in 0.1..50.0, burst in 1.0..50.0, asks in prop::collection::vec((-1.0..5.0, 0.0..10.0), 1..60),
    ) {
        let settings = token_bucket::Settings { rate, burst };
        let (mut bucket, mut now) = (Bucket::full(&settings, Now(0.0)), 0.0_f64);
        let mut given: Vec<(f64, f64)> = Vec::new();
        let mut latest = 0.0_f64;
        for (step, tokens) in asks {
            // Other machines' clocks may be behind.
            now += step;
            latest = latest.max(now);
            let tokens = f64::min(tokens, burst);
            let (next, taken) = token_bucket::take(bucket, &settings, tokens, Now(now));
            bucket = next;
            match taken {
                Taken::Granted => given.push((latest, tokens)),
                Taken::Refused { retry_after } => {
                    prop_assert!(retry_after > 0.0);
                    let later = Now(latest + retry_after + 1e-6);
                    prop_assert_eq!(token_bucket::take(bucket, &settings, tokens, later).1, Taken::Granted);
                }
            }
        }
        for (first, (from, _)) in given.iter().enumerate() {
            let mut sum = 0.0;
            for (at, tokens) in &given[first..] {
                sum += tokens;
                prop_assert!(sum <= burst + rate * (at - from) + 1e-6);
            }
        }
    }

    #[test]
    fn more_than_a_bucket_holds_leaves_a_debt(rate in 0.1..50.0, burst in 1.0..50.0, tokens in 50.0..500.0) {
        let settings = token_bucket::Settings { rate, burst };
        let (bucket, taken) = token_bucket::take(Bucket::full(&settings, Now(0.0)), &settings, tokens, Now(0.0));
        prop_assert_eq!(taken, Taken::Granted);
        let paid = (tokens - burst) / rate;
        let early = token_bucket::take(bucket, &settings, burst, Now(paid * 0.99)).1;
        prop_assert_ne!(early, Taken::Granted);
        prop_assert_eq!(token_bucket::take(bucket, &settings, burst, Now(paid + burst / rate + 1e-6)).1, Taken::Granted);
    }

    /// However many ask, and whatever the server says: places lie an interval apart, and none before it is wanted.
    #[test]
    fn a_pace_is_kept(
        interval in 0.1..10.0, max_wait in 0.0..30.0, asks in prop::collection::vec((0.0..8.0, prop::option::of(0.0..20.0)), 1..60),
    ) {
        let (mut pace, mut now, mut last, mut held) = (Pace::default(), 100.0, f64::NEG_INFINITY, 0.0_f64);
        for (step, hold) in asks {
            now += step;
            if let Some(seconds) = hold {
                pace = pace::hold(pace, seconds, Now(now));
                held = held.max(now + seconds);
            }
            let (next, wait) = pace::take(pace, interval, max_wait, Now(now));
            let place = now + wait;
            prop_assert!(wait >= 0.0 && place >= held - 1e-9);
            if wait > max_wait {
                prop_assert_eq!(next, pace);
            } else {
                prop_assert!(place - last >= interval - 1e-9);
                last = place;
            }
            pace = next;
        }
    }

    #[test]
    fn a_budget_ends_at_its_first_limit(
        calls in prop::option::of(0_u64..20), tokens in prop::option::of(0_u64..900), cost_micros in prop::option::of(0_u64..900),
        uses in prop::collection::vec((0_u64..100, 0_u64..100), 0..30),
    ) {
        let limits = Limits { calls, tokens, cost_micros };
        let mut spent = Spent::default();
        for (done, (used, cost)) in uses.iter().enumerate() {
            let reached = |limit: Option<u64>, sum: u64| limit.is_some_and(|limit| sum >= limit);
            let before = &uses[..done];
            let expected = reached(calls, done as u64)
                || reached(tokens, before.iter().map(|(used, _)| used).sum())
                || reached(cost_micros, before.iter().map(|(_, cost)| cost).sum());
            let allowed = budget::allow(&spent, &limits);
            prop_assert_eq!(allowed.is_err(), expected);
            if let Err(error) = allowed {
                prop_assert!(error.kind() == Kind::Budget && !error.retryable());
            }
            spent = budget::spend(&spent, *used, *cost);
        }
    }
}

#[test]
fn sums_stay_at_their_end() {
    let spent = Spent { calls: u64::MAX, tokens: u64::MAX - 1, cost_micros: 0 };
    assert_eq!(budget::spend(&spent, 9, 9), Spent { calls: u64::MAX, tokens: u64::MAX, cost_micros: 9 });
}
