//! Values that cannot be given: their rows go to quarantine.

use windvane_core::schema::DataType;

/// Why a value cannot be given, and its text.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub reason: String,
    pub text: String,
}

/// A value of a batch that could not be given: its place in the batch and the reason.
pub struct Fault {
    pub row: usize,
    pub column: usize,
    pub refusal: Refusal,
}

/// `'abc' is not a valid int64`, with a long text cut.
pub fn not_a(text: &str, data_type: DataType) -> String {
    let short: String = text.chars().take(60).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("'{short}{cut}' is not a valid {data_type}")
}
