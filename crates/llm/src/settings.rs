//! Where the model is and what it may cost.

use serde::Deserialize;

/// Where the model is and what it may cost.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Of an OpenAI-compatible service, up to and without `/chat/completions`.
    pub base_url: String,
    /// A secret: never printed.
    #[serde(default)]
    pub api_key: String,
    pub model: String,
    /// For one question: all attempts, waits and the repair round together.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: f64,
    /// How often one request is sent when the service is busy or broken.
    #[serde(default = "default_attempts")]
    pub max_attempts: u32,
    /// Over the life of the gateway; absent: no limit.
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// The proxy to go through; absent: none (the environment is not asked).
    #[serde(default)]
    pub proxy: Option<String>,
}

fn default_timeout() -> f64 {
    60.0
}

fn default_attempts() -> u32 {
    3
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("base_url", &self.base_url).field("model", &self.model).finish_non_exhaustive()
    }
}
