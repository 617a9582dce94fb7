//! When to try again: decided by a pure function, and done by a loop that obeys it.

use proptest::prelude::*;
use std::cell::Cell;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::retry::{Decision, Policy, Why, decide, run};

const KINDS: [Kind; 12] = [
    Kind::Spec,
    Kind::Data,
    Kind::Auth,
    Kind::Missing,
    Kind::Unsupported,
    Kind::Conflict,
    Kind::Budget,
    Kind::Unavailable,
    Kind::Timeout,
    Kind::Throttled,
    Kind::Cancelled,
    Kind::Internal,
];

fn policy() -> impl Strategy<Value = Policy> {
    (1_u32..8, 0.0..10.0, 0.0..60.0, 0.0..600.0).prop_map(|(attempts, base, max_delay, max_elapsed)| Policy {
        attempts,
        base,
        max_delay,
        max_elapsed,
    })
}

fn error() -> impl Strategy<Value = Error> {
    (prop::sample::select(&KINDS[..]), prop::option::of(0.0..400.0)).prop_map(|(kind, after)| {
        let error = Error::new(kind, "no");
        after.map_or(error.clone(), |after| error.retry_after(after))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn it_stops_for_one_reason_or_waits_long_enough(
        policy in policy(), seed in any::<u64>(), attempt in 1_u32..9, elapsed in 0.0..700.0, error in error(),
    ) {
        let asked = error.retry_after_seconds().unwrap_or(0.0);
        let decision = decide(&policy, seed, attempt, elapsed, &error);
        let step = (policy.base * 2_f64.powi(attempt.cast_signed() - 1)).min(policy.max_delay);
        let terminal = matches!(decision, Decision::Stop { why: Why::Terminal });
        prop_assert_eq!(terminal, !error.retryable());
        let attempts = matches!(decision, Decision::Stop { why: Why::Attempts });
        prop_assert_eq!(attempts, !terminal && attempt >= policy.attempts);
        match decision {
            Decision::Again { after } => {
                prop_assert!(after >= asked && after <= step.max(asked));
                prop_assert!(elapsed + after <= policy.max_elapsed);
            }
            Decision::Stop { why: Why::Elapsed } => prop_assert!(elapsed + step.max(asked) > policy.max_elapsed),
            Decision::Stop { why: Why::Terminal | Why::Attempts } => {}
        }
        prop_assert_eq!(decide(&policy, seed, attempt, elapsed, &error), decision);
    }

    /// Clients that failed together do not come back together.
    #[test]
    fn delays_are_spread_over_the_whole_step(start in any::<u64>(), attempt in 1_u32..4) {
        let policy = Policy { attempts: 9, base: 1.0, max_delay: 100.0, max_elapsed: 1e9 };
        let step = 2_f64.powi(attempt.cast_signed() - 1);
        let mut tenths = [0; 10];
        for seed in start..start.saturating_add(1000) {
            let Decision::Again { after } = decide(&policy, seed, attempt, 0.0, &Error::new(Kind::Timeout, "slow")) else {
                return Err(TestCaseError::fail("it stopped"));
            };
            prop_assert!(after < step);
            tenths[((after / step * 10.0) as usize).min(9)] += 1;
        }
        prop_assert!(start > u64::MAX - 1000 || tenths.iter().all(|count| (50..200).contains(count)), "{:?}", tenths);
    }

    #[test]
    fn the_loop_calls_as_often_as_it_may(attempts in 1_u32..6, fails in 0_u32..8, curable in any::<bool>()) {
        let policy = Policy { attempts, base: 0.0, max_delay: 0.0, max_elapsed: 60.0 };
        let kind = if curable { Kind::Unavailable } else { Kind::Data };
        let calls = Cell::new(0);
        let operation = |attempt: u32| {
            calls.set(calls.get() + 1);
            let told = attempt == calls.get();
            let done: Result<bool> = if calls.get() > fails { Ok(told) } else { Err(Error::new(kind, "no")) };
            async move { done }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let done = runtime.block_on(run(&policy, 1, operation));
        let most = if curable { attempts } else { 1 };
        prop_assert_eq!(calls.get(), most.min(fails + 1));
        prop_assert_eq!(done.ok(), (fails < most).then_some(true));
    }
}
