//! Which lines of a log can tell of a failure at all.

use regex::Regex;
use std::sync::LazyLock;

struct Patterns {
    quiet: Regex,
    warns: Regex,
    loud: Regex,
    sign: Regex,
    harmless: Regex,
    success: Regex,
    failed: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    Some(Patterns {
        warns: Regex::new(r"(?i)\bwarn(ing)?\b").ok()?,
        quiet: Regex::new(r#"\b(DEBUG|INFO|NOTICE|TRACE|WARN|WARNING)\b|(?i)"level"\s*:\s*"(debug|info|notice|trace|warn|warning)"|\[(debug|info|notice|trace|warn|warning)\s*\]|\blevel=(debug|info|notice|warn|warning)\b"#).ok()?,
        loud: Regex::new(r#"\b(ERROR|FATAL|CRITICAL|PANIC|SEVERE)\b|(?i)"level"\s*:\s*"(error|fatal|critical)"|\[(error|fatal|critical)\s*\]|\blevel=(error|fatal|critical)\b|Traceback \(most recent"#).ok()?,
        sign: Regex::new(r"(?i)(?:\b|_)(errors?|err|exceptions?|traceback|fatal|critical|fail(s|ed|ure|ures)?|panic(ked)?|refused?|denied|abort(ed)?|killed|sig(kill|term|segv)|cannot|could not|couldn't|can't|unable|invalid|timed? ?out|timeout|unavailable|exceed(s|ed)?|violat\w+|not found|does not|doesn't|no such|missing|corrupt\w*|out of memory|no space|oom|segfault|segmentation|crash\w*|deadlock\w*|rejected|unreachable|lost|expired|unauthorized|forbidden|throttl\w*|too many|not permitted|not allowed|undefined|unexpected|unknown|duplicate|conflict|has changed|is gone)\b|\b[A-Z]\w+(Error|Exception)\b").ok()?,
        harmless: Regex::new(r"(?i)\b(0|no|zero|without( any)?) (errors?|failures?|failed|exceptions?|problems?|warnings?|mistakes?|rejected|conflicts?|duplicates?)\b|\b(errors?|failures?|failed|exceptions?|rejected|conflicts?|duplicates?|missing|timeouts?)\s*[:=]\s*(0\b|none\b|no\b|false\b)|\b(timeout|time_out|timed_out)\s*[:=]\s*\d").ok()?,
        success: Regex::new(r"(?i)\b(success(ful|fully)?|succeeded|finished|completed|done|return code 0|exit(ed)?( with)? (code|status) 0|all good|ok)\b").ok()?,
        failed: Regex::new(r"(?i)return code [1-9]|exit(ed)?( with)? (code|status) [1-9]|marking task as failed|state[=: ]+failed|\bfailed with\b").ok()?,
    })
});

/// The lines that speak of something wrong, where the log tells its levels; all of it where it does not. Nothing when
/// the log tells of no failure.
pub(super) fn telling(text: &str) -> Option<String> {
    let Some(patterns) = PATTERNS.as_ref() else { return Some(text.to_owned()) };
    if text.trim().is_empty() {
        return Some(String::new());
    }
    let mut levelled = false;
    let mut quiet = false;
    let mut left: Vec<&str> = Vec::new();
    for line in text.lines() {
        if patterns.loud.is_match(line) {
            quiet = false;
        } else if patterns.quiet.is_match(line) && !patterns.failed.is_match(line) {
            (levelled, quiet) = (true, true);
        } else if !line.starts_with([' ', '\t']) {
            quiet = false;
        }
        // What is indented belongs to the line before.
        if !quiet {
            left.push(line);
        }
    }
    let left = left.join("\n");
    let speaks = |text: &str| patterns.sign.is_match(&patterns.harmless.replace_all(text, " "));
    if speaks(&left) {
        return Some(left);
    }
    if patterns.success.is_match(text) {
        return None;
    }
    // A warning alone may be all there is of a failure.
    let warned: Vec<&str> = text.lines().filter(|line| patterns.warns.is_match(line)).collect();
    let warned = warned.join("\n");
    if speaks(&warned) {
        return Some(warned);
    }
    if levelled { None } else { Some(text.to_owned()) }
}
