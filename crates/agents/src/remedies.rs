//! What to do about a failure, by its class, and how its cause is told.

use super::error_class::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The same again, later.
    Retry,
    /// It is done already or need not be done.
    Skip,
    /// Change the plan, the schema or the settings, then run again.
    Adjust,
    /// Put the offending rows aside and go on.
    Quarantine,
    /// A person must act.
    Escalate,
}

/// What to do, and how long to wait first.
pub(super) fn treatment(class: Class) -> (Action, f64) {
    match class {
        Class::Throttled | Class::Timeout => (Action::Retry, 30.0),
        Class::Concurrency => (Action::Retry, 5.0),
        Class::Connection | Class::ServiceUnavailable => (Action::Retry, 15.0),
        Class::Conflict => (Action::Retry, 10.0),
        Class::NotNullViolation
        | Class::UniqueViolation
        | Class::ForeignKeyViolation
        | Class::CheckViolation
        | Class::ValueOutOfRange
        | Class::ValueInvalid
        | Class::TypeOrFormat
        | Class::Encoding
        | Class::MalformedData => (Action::Quarantine, 0.0),
        Class::SchemaMismatch
        | Class::MissingObject
        | Class::ObjectState
        | Class::Syntax
        | Class::OtherSql
        | Class::ResourceLimit => (Action::Adjust, 0.0),
        Class::DuplicateObject | Class::NoError => (Action::Skip, 0.0),
        Class::Authentication
        | Class::Permission
        | Class::Tls
        | Class::Quota
        | Class::MissingFile
        | Class::MissingDependency
        | Class::TransactionState
        | Class::ReadOnly
        | Class::Unsupported
        | Class::Configuration
        | Class::InvalidRequest
        | Class::CodeError
        | Class::Cancelled
        | Class::Internal
        | Class::Refused
        | Class::Unknown => (Action::Escalate, 0.0),
    }
}

pub(super) fn cause(class: Class) -> &'static str {
    match class {
        Class::Authentication => "The outside does not accept the credentials, or there are none.",
        Class::Permission => "The credentials are known but may not do this.",
        Class::Tls => "No trusted encrypted connection could be agreed on.",
        Class::Throttled => "The outside asks for fewer requests.",
        Class::Quota => "A limit of the account or the service is used up.",
        Class::ResourceLimit => "Memory, disk or another resource is exhausted.",
        Class::Concurrency => "Another transaction was in the way.",
        Class::Conflict => "The state changed since it was read.",
        Class::Timeout => "The outside did not answer in time.",
        Class::Connection => "The outside could not be reached, or the connection broke.",
        Class::ServiceUnavailable => "The outside is there but cannot serve now.",
        Class::NotNullViolation => "A row has no value where the target needs one.",
        Class::UniqueViolation => "A row has a key that exists already.",
        Class::ForeignKeyViolation => "A row refers to a row that does not exist, or is still referred to.",
        Class::CheckViolation => "A row breaks a rule of the target.",
        Class::ValueOutOfRange => "A value is too large, too long or undefined for its type.",
        Class::ValueInvalid => "A value is not one that the operation takes.",
        Class::TypeOrFormat => "A value does not have the type or format that is expected.",
        Class::Encoding => "The text is not written in the expected encoding.",
        Class::MalformedData => "The file or document is damaged or not of the expected format.",
        Class::SchemaMismatch => "The columns are not the expected ones.",
        Class::DuplicateObject => "What should be created exists already.",
        Class::MissingObject => "Something named (a table, a column, a resource) does not exist.",
        Class::MissingFile => "A file or folder does not exist.",
        Class::MissingDependency => "A library or extension is not installed.",
        Class::ObjectState => "The object is in a state, or in a use, that forbids this.",
        Class::TransactionState => "The transaction is in a state that forbids this.",
        Class::ReadOnly => "The target may only be read.",
        Class::Syntax => "The statement cannot be parsed.",
        Class::OtherSql => "The statement is well written but means nothing possible.",
        Class::Unsupported => "The outside does not offer this.",
        Class::Configuration => "A setting is missing or wrong.",
        Class::InvalidRequest => "The request or one of its arguments is not acceptable.",
        Class::CodeError => "The code has a defect.",
        Class::Cancelled => "Somebody stopped it.",
        Class::Internal => "The outside, or windvane, has a defect.",
        Class::Refused => "The load would have done more than its guards allow; nothing of it is visible.",
        Class::NoError => "The text tells of no failure.",
        Class::Unknown => "The cause is not known.",
    }
}
