//! libFuzzer's entry: one program for all targets, `FUZZ_TARGET` says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<Option<windvane_fuzz::Target>> =
    LazyLock::new(|| windvane_fuzz::target(&std::env::var("FUZZ_TARGET").unwrap_or_default()));

fuzz_target!(|data: &[u8]| {
    assert!(TARGET.is_some(), "FUZZ_TARGET names no target");
    if let Some(target) = *TARGET {
        target(data);
    }
});
