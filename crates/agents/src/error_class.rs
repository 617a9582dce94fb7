//! Why a task failed, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Authentication,
    Permission,
    Tls,
    Throttled,
    Quota,
    ResourceLimit,
    Concurrency,
    Conflict,
    Timeout,
    Connection,
    ServiceUnavailable,
    NotNullViolation,
    UniqueViolation,
    ForeignKeyViolation,
    CheckViolation,
    ValueOutOfRange,
    ValueInvalid,
    TypeOrFormat,
    Encoding,
    MalformedData,
    SchemaMismatch,
    DuplicateObject,
    MissingObject,
    MissingFile,
    MissingDependency,
    ObjectState,
    TransactionState,
    ReadOnly,
    Syntax,
    OtherSql,
    Unsupported,
    Configuration,
    InvalidRequest,
    CodeError,
    Cancelled,
    Internal,
    /// A guard of ours stopped a load that would have done more than is allowed.
    Refused,
    /// The text tells of no failure.
    NoError,
    Unknown,
}
