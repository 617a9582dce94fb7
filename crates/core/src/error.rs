//! What can go wrong: one error type with a kind, a place and a hint.
//!
//! Deliberately absent: nothing here knows Python, Airflow or a database driver. Drivers' errors are translated where
//! they happen; Python classes are chosen in `src/errors.rs` of the root.
//!
//! Invariants: every error has a kind; `retryable` is an exhaustive match with no default arm; a message never holds a
//! secret or a row's values unless the place asks for them.

use std::fmt;

/// The result of every fallible function of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is: decides the exit code, the Python class and whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is wrong: a spec, a plan, an argument.
    Spec,
    /// The data does not hold what was asked of it.
    Data,
    /// The outside refused us: password, permission.
    Auth,
    /// Something named does not exist.
    Missing,
    /// Understood, but not something this version does.
    Unsupported,
    /// What is there contradicts what was planned (drift, another load, a lock we must not break).
    Conflict,
    /// A limit set by the user is reached.
    Budget,
    /// The outside does not answer; it may do so later.
    Unavailable,
    /// The outside did not answer in time.
    Timeout,
    /// The outside asked us to slow down.
    Throttled,
    /// The user or the scheduler stopped us.
    Cancelled,
    /// A defect of windvane.
    Internal,
}

impl Kind {
    /// Whether the same request may succeed later without anybody changing anything.
    pub fn retryable(self) -> bool {
        match self {
            Self::Unavailable | Self::Timeout | Self::Throttled => true,
            Self::Spec
            | Self::Data
            | Self::Auth
            | Self::Missing
            | Self::Unsupported
            | Self::Conflict
            | Self::Budget
            | Self::Cancelled
            | Self::Internal => false,
        }
    }

    /// The word used in documents and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Data => "data",
            Self::Auth => "auth",
            Self::Missing => "missing",
            Self::Unsupported => "unsupported",
            Self::Conflict => "conflict",
            Self::Budget => "budget",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// Where in the user's world the failure sits. Every part is optional; lines, columns and rows count from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The path inside a document, such as `source.postgres.connection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(file) = &self.file {
            let mut at = file.clone();
            for number in [self.line, self.column].into_iter().flatten() {
                at = format!("{at}:{number}");
            }
            parts.push(at);
        }
        parts.extend(self.path.as_ref().map(|path| format!("at {path}")));
        parts.extend(self.table.as_ref().map(|table| format!("table {table}")));
        parts.extend(self.row.map(|row| format!("row {row}")));
        f.write_str(&parts.join(", "))
    }
}

/// What happened, where, and what to try.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    place: Place,
    stage: Option<&'static str>,
    retry_after_seconds: Option<f64>,
    /// It may come by itself, whatever its kind.
    awaited: bool,
    causes: Vec<String>,
}

impl Error {
    /// An error of this kind. Say what happened, in the user's words, without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                hint: None,
                place: Place::default(),
                stage: None,
                retry_after_seconds: None,
                awaited: false,
                causes: Vec::new(),
            }),
        }
    }

    pub fn spec(message: impl Into<String>) -> Self {
        Self::new(Kind::Spec, message)
    }

    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// A state that only a defect of windvane can bring about; asks for a report.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
            .hint("This is a defect of windvane: please report it with the command you ran")
    }

    /// Lines below the message: examples, for people.
    #[must_use]
    pub fn with_lines(mut self, lines: &[String]) -> Self {
        for line in lines {
            self.inner.message.push_str("\n  ");
            self.inner.message.push_str(line);
        }
        self
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.inner.place = place;
        self
    }

    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.inner.place.file = Some(file.into());
        self
    }

    #[must_use]
    pub fn in_table(mut self, table: impl Into<String>) -> Self {
        self.inner.place.table = Some(table.into());
        self
    }

    #[must_use]
    pub fn in_row(mut self, row: u64) -> Self {
        self.inner.place.row = Some(row);
        self
    }

    #[must_use]
    pub fn at_path(mut self, path: impl Into<String>) -> Self {
        self.inner.place.path = Some(path.into());
        self
    }

    /// The stage of the street that failed; the innermost one wins.
    #[must_use]
    pub fn in_stage(mut self, stage: &'static str) -> Self {
        self.inner.stage.get_or_insert(stage);
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: f64) -> Self {
        self.inner.retry_after_seconds = Some(seconds);
        self
    }

    /// What is missing may come by itself, as a file that is late does: the same request may succeed later.
    #[must_use]
    pub fn awaited(mut self) -> Self {
        self.inner.awaited = true;
        self
    }

    /// Keeps the chain of causes as text, without repeating what the message already says.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            if !self.inner.message.contains(&text) && !self.inner.causes.iter().any(|known| known.contains(&text)) {
                self.inner.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    pub fn message(&self) -> &str {
        &self.inner.message
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    pub fn stage(&self) -> Option<&'static str> {
        self.inner.stage
    }

    pub fn retry_after_seconds(&self) -> Option<f64> {
        self.inner.retry_after_seconds
    }

    pub fn causes(&self) -> &[String] {
        &self.inner.causes
    }

    pub fn retryable(&self) -> bool {
        self.inner.awaited || self.inner.kind.retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.inner.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.inner.message)?;
        for cause in &self.inner.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
