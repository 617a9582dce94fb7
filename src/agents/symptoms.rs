//! The words by which failures are recognised: classes, SQLSTATEs, HTTP statuses, exception names, phrases.

use super::doctor::Class::{self, *};

/// SQLSTATE: the longest prefix that fits decides.
pub(super) const SQLSTATES: [(&str, Class); 58] = [
    ("08", Connection), ("0A", Unsupported), ("0L", Permission), ("0P", Permission), ("21", OtherSql), ("22", ValueInvalid),
    ("22000", ValueInvalid), ("22001", ValueOutOfRange), ("22003", ValueOutOfRange), ("22007", TypeOrFormat), ("22008", TypeOrFormat),
    ("22012", ValueOutOfRange), ("22018", TypeOrFormat), ("22021", ValueInvalid), ("22P02", TypeOrFormat), ("22P03", TypeOrFormat),
    ("22P04", TypeOrFormat), ("23", CheckViolation), ("23001", ForeignKeyViolation), ("23502", NotNullViolation),
    ("23503", ForeignKeyViolation), ("23505", UniqueViolation), ("24", TransactionState), ("25", TransactionState),
    ("28", Authentication), ("2B", ObjectState), ("2D", TransactionState), ("3B", MissingObject), ("3D", MissingObject),
    ("3F", MissingObject), ("40", Concurrency), ("42", OtherSql), ("42501", Permission), ("42601", Syntax), ("42602", Syntax),
    ("42622", Syntax), ("42701", DuplicateObject), ("42703", MissingObject), ("42704", MissingObject), ("42710", DuplicateObject),
    ("42712", DuplicateObject), ("42723", DuplicateObject), ("42804", TypeOrFormat), ("42809", TypeOrFormat),
    ("42846", TypeOrFormat), ("42883", MissingObject), ("42P01", MissingObject), ("42P02", MissingObject),
    ("42P04", DuplicateObject), ("42P06", DuplicateObject), ("42P07", DuplicateObject), ("53", ResourceLimit), ("54", ResourceLimit),
    ("55", ObjectState), ("55P03", Concurrency), ("57", ServiceUnavailable), ("58", Internal), ("XX", Internal),
];

/// HTTP status.
pub(super) fn of_status(status: u16) -> Option<Class> {
    Some(match status {
        401 | 407 => Authentication,
        402 | 403 => Permission,
        404 | 410 => MissingObject,
        408 | 504 => Timeout,
        409 | 412 | 423 => Conflict,
        413 | 414 | 400 | 405 | 406 | 411 | 415 | 417 | 422 => InvalidRequest,
        425 | 429 => Throttled,
        501 | 505 => Unsupported,
        500 | 502 | 503 | 507 | 520..=530 | 599 => ServiceUnavailable,
        402..=499 => InvalidRequest,
        506..=598 => ServiceUnavailable,
        _ => return None,
    })
}

/// Ends of exception names, lower case, without their modules.
pub(super) const EXCEPTIONS: [(&str, Class); 74] = [
    ("infailedsqltransaction", TransactionState), ("activesqltransaction", TransactionState), ("readonlysqltransaction", ReadOnly),
    ("duplicatetable", DuplicateObject), ("duplicatecolumn", DuplicateObject), ("duplicateobject", DuplicateObject),
    ("duplicateschema", DuplicateObject), ("duplicatedatabase", DuplicateObject), ("ambiguouscolumn", OtherSql),
    ("undefinedtable", MissingObject), ("undefinedcolumn", MissingObject), ("undefinedfunction", MissingObject),
    ("undefinedobject", MissingObject), ("invalidschemaname", MissingObject), ("columnnotfounderror", MissingObject),
    ("nosuchtableerror", MissingObject), ("schemaerror", SchemaMismatch), ("shapeerror", SchemaMismatch),
    ("datatypemismatch", TypeOrFormat), ("invalidtextrepresentation", TypeOrFormat), ("invaliddatetimeformat", TypeOrFormat),
    ("datetimefieldoverflow", TypeOrFormat), ("conversionexception", TypeOrFormat), ("outofboundsdatetime", TypeOrFormat),
    ("dateparseerror", TypeOrFormat), ("invalidoperationerror", TypeOrFormat), ("notnullviolation", NotNullViolation),
    ("uniqueviolation", UniqueViolation), ("foreignkeyviolation", ForeignKeyViolation), ("checkviolation", CheckViolation),
    ("numericvalueoutofrange", ValueOutOfRange), ("divisionbyzero", ValueOutOfRange), ("zerodivisionerror", ValueOutOfRange),
    ("overflowerror", ValueOutOfRange), ("outofrangeexception", ValueOutOfRange), ("stringdatarighttruncation", ValueOutOfRange),
    ("unicodedecodeerror", Encoding), ("unicodeencodeerror", Encoding), ("characternotinrepertoire", Encoding),
    ("jsondecodeerror", MalformedData), ("badcopyfileformat", MalformedData), ("badgzipfile", MalformedData), ("badzipfile", MalformedData),
    ("emptydataerror", MalformedData), ("nodataerror", MalformedData), ("insufficientprivilege", Permission), ("permissionerror", Permission),
    ("nocredentialserror", Authentication), ("partialcredentialserror", Authentication), ("invalidpassword", Authentication),
    ("filenotfounderror", MissingFile), ("isadirectoryerror", MissingFile), ("nosuchbucket", MissingObject), ("nosuchkey", MissingFile),
    ("modulenotfounderror", MissingDependency), ("importerror", MissingDependency), ("nosuchmoduleerror", MissingDependency),
    ("deadlockdetected", Concurrency), ("serializationfailure", Concurrency), ("locknotavailable", Concurrency),
    ("querycanceled", Timeout), ("readtimeout", Timeout), ("connecttimeout", Timeout), ("timeouterror", Timeout),
    ("connectionrefusederror", Connection), ("connectionreseterror", Connection), ("brokenpipeerror", Connection),
    ("gaierror", Connection), ("sslerror", Tls), ("sslcertverificationerror", Tls), ("memoryerror", ResourceLimit),
    ("outofmemoryexception", ResourceLimit), ("toomanyredirects", Configuration), ("keyboardinterrupt", Cancelled),
];

/// Phrases as regular expressions, case-insensitive; the first that is found decides.
pub(super) const PHRASES: &[(&str, Class)] = &[
    // Who goes there.
    (r"password authentication failed|authentication failed|authentication failure|login failed|invalid (api[ _-]?key|credentials|password|username|user name|token|access key)|incorrect (username|password)|unauthori[sz]ed|not authenticated|unable to locate credentials|no credentials|credentials? (are|is|were|was)? ?(missing|expired|not found|invalid|could not)|(token|credentials?|certificate|session|signature)s? (has|have|is|are) (expired|not valid|invalid)|expired token|security token|role .{1,80} (does not exist|is not permitted to log in)|access denied for user .{1,120}using password|missing (api key|token|credentials)|tokens? (is|are) missing", Authentication),
    (r"self[- ]signed certificate|certificate verify failed|\bssl\b|\btls\b|handshake failure", Tls),
    (r"permission denied|access (is |was |has been )?denied|insufficient (privilege|permission)|not authori[sz]ed|forbidden|must be (owner|superuser|member)|(don't|doesn't|do not|does not|didn't) have (the )?(\w+ )?(permission|privilege|access|authori)|lacks? (the )?(\w+ )?permission|no permission|(privilege|permission)s? (to|required|for)\b|row-level security|security-restricted|only (superusers?|the owner)|cannot (grant|revoke)|not permitted|operation not allowed for (this )?(user|role)", Permission),
    // Too much.
    (r"too many (requests|concurrent|connections|clients|calls)|rate[- ]?(limit|exceed)|throttl|slow ?down|request rate|try again later|requests? per (second|minute)|429", Throttled),
    (r"quota|(maximum|max\.?|allowed) (number|limit)|limit (of .{1,60} )?(has been |was |is |been )?(exceeded|reached|hit)|exceed(s|ed|ing)? (the |your |a |an )?(\w+ ){0,4}(limit|quota|maximum|number|capacity|throughput)|too many\b|limit exceeded|service limit|insufficient (\w+ )?capacity|(has|have) reached (the|your)|more .{1,60} than (is |are )?(allowed|permitted)", Quota),
    (r"out of memory|cannot allocate|memory (usage|limit|exhausted)|no space left|disk (is )?full|disk quota|out of (disk|shared memory|resources)|insufficient (memory|disk|resources)|too (complex|large|big|long for)|stack depth limit|oom|killed by signal 9|temporary file size", ResourceLimit),
    // Not there, or gone.
    (r"deadlock|could not serialize|serialization failure|concurrent (update|delete|modif|access|operation)|lock (wait )?timeout|could not obtain lock|lock not available|database (table )?is locked|due to lock|conflicting lock|modif(y|ied) .{0,40}at the same time|concurrently", Concurrency),
    (r"statement timeout|timed? ?out|timeout|deadline exceeded|took too long|cancel(l)?ing statement", Timeout),
    (r"connection (was |has been )?(refused|reset|closed|aborted|lost|failed|broken)|server closed the connection|could not (connect|translate host|resolve)|cannot connect|can't connect|failed to connect|unable to connect|lost connection|name or service not known|name resolution|getaddrinfo|no route to host|network (is )?unreachable|broken pipe|max retries exceeded|remote end closed|connection .{1,80} does not exist|dns|address already in use|could not establish|unreachable host|failed to download|failed to establish|connection already closed|could not receive data", Connection),
    (r"service (is )?(currently |temporarily )?(unavailable|not available)|temporarily|internal (server|service|failure|error)|bad gateway|gateway timeout|server (error|is busy|is starting|unavailable)|(currently|is) unavailable|unexpected (server|service) error|unknown error|server fault|service failure|shutting down|starting up|in recovery mode|terminating connection|try (the |your )?(request|operation)? ?again|please retry|back off|internal error", ServiceUnavailable),
    // The rows.
    (r"violates not-null|not null constraint|not-null constraint|cannot be null|null value|contains null values|is not nullable", NotNullViolation),
    (r"violates foreign key|foreign key constraint|is not present in table|still referenced|foreign key mismatch|violates referential", ForeignKeyViolation),
    (r"duplicate key value|violates unique|unique constraint|duplicate entry|could not create unique index|unique index|primary key .{0,40}(violat|unique)|duplicate values|is duplicated", UniqueViolation),
    (r"violates (check|exclusion|partition)|check constraint|check option|exclusion constraint|violates .{0,60}constraint|constraint failed|no partition of relation", CheckViolation),
    (r"out of range|overflow|underflow|division by zero|divide by zero|value too long|too long for type|data too long|right truncation|out of bounds|exceeds .{0,30}precision|result is too", ValueOutOfRange),
    (r"codec can't (decode|encode)|invalid byte sequence|not valid utf|encoding .{0,60}(utf|latin|sql_ascii)|unicode|null byte|utf-?8|has no equivalent|surrogate", Encoding),
    (r"invalid input (syntax|value)|could not (convert|parse)|cannot (cast|coerce|convert|parse|be cast)|unable to parse|conversion (failed|error)|invalid literal|is of type .{1,80} but|(data)?type ?mismatch|wrong type|incorrect .{1,30} value|invalid (date|time|timestamp|interval|number|digit|hexadecimal|boolean)|not a valid (date|number|integer|float|timestamp)|malformed .{0,20}literal|time zone .{0,60}not|wrong object type|is not (a|an) (table|view|index|sequence|domain|composite|array|number|aggregate|function|procedure|materialized|partitioned|object|foreign)|must (be|have) type|cannot be matched|does not match format|collation|could not determine|unsupported operand|can't (compare|subtract)|tz-naive|type .{1,60} (cannot|does not)|field value out", TypeOrFormat),
    (r"tokenizing data|error tokenizing|unterminated|expecting (value|property|delimiter)|unexpected (end|character|eof|token)|malformed|corrupt|not a (gzip|zip|parquet|database|valid)|magic (bytes|number)|missing data for column|extra data|mismatched tag|not well-formed|truncated|invalid (json|xml|csv|file|zip|header)|no columns to parse|file is not|empty (file|csv|data)|parse error|footer|crc|line \d+.{0,40}(expected|fields)|ragged|expected \d+ (fields|columns)|decompress", MalformedData),
    (r"(more|fewer|has) (expressions|columns|values) (than|but|in)|(has|have|expected|got|found) \d+ (columns|values)|columns? (count|number)|schema (mismatch|of|does not|has changed)|length mismatch|columns? do(es)? not match|unexpected column|missing columns?|lengths must|column names?|appended data|cannot be merged|incompatible schema", SchemaMismatch),
    // The objects.
    (r"already (exists|defined|been|associated|in use|a member|attached|has|registered|subscribed|belongs|contains|specified)|duplicate (column|table|object|name|key name|alias)|specified more than once|is already\b|conflict|same name|must be unique|name .{0,30}(taken|in use)|multiple .{1,60}specified", DuplicateObject),
    (r"depends? on|depend on it|dependent objects|being used|is in use|currently in use|cannot (drop|alter|change|delete|be dropped|be altered|be deleted|modify|detach|attach|rename|remove)|not (in a|in the) (valid|available|correct|proper|required|expected|appropriate|active)|(current|invalid|wrong|in an?) (\w+ )?state|disabled|is not (active|empty|enabled|available|ready)|has pending|not been initiali[sz]ed|being (deleted|created|modified|updated)|in progress|not in (a )?prerequisite|is not populated|not yet defined", ObjectState),
    (r"no such file|file not found|does not exist: '?/|unable to open database file|cannot find the (file|path)|path .{1,200}does not exist|nosuchkey|directory not found|is a directory|cannot open file|no files found|failed to open", MissingFile),
    (r"no module named|cannot import|module not found|can't load plugin|missing optional dependency|not installed|no such extension|shared (object|library)|extension .{1,60}(not found|not available)", MissingDependency),
    (r"(does|do|did) ?(not|n't) exist|doesn't (exist|refer)|do(es)?n?[' ]?(o)?t refer|(was|were|is|could|can|be)( ?not|n't)( be)? (found|located)|not found|no such|unknown (table|column|database|function|host|type|parameter|collation|label)|cannot find|can't find|unable to find|could not find|no (function|operator|row|rows|matching|collation) (matches|found)|not (present|defined|recognized)|undefined|unrecognized|no .{1,60} (exists|found)|missing .{1,60}(table|column|object|resource)|isn't available|not available for", MissingObject),
    (r"read[- ]only|readonly", ReadOnly),
    (r"transaction (is aborted|block)|current transaction|in a transaction|no active transaction|transaction has|savepoint|cursor .{1,80}(not|already|is)|inside a transaction|portal", TransactionState),
    // The request.
    (r"syntax error|parse(r)? error|sql (compilation|parsing)|unterminated quoted|incorrect syntax|invalid (sql|query)|invalid name|zero-length delimited|syntax for", Syntax),
    (r"not (supported|implemented|allowed in this)|(isn't|aren't|is not|are not|not yet) (currently )?supported|unsupported|not available in this|cannot be used with|does(n't| not) support|feature", Unsupported),
    (r"environment variable|env(ironment)? var|config(uration)?\b|setting|please (check|provide|specify|set)|manifest|invalid url|invalid (schema|host|port)|private network|redirect|not configured|is required|was not set|missing (required )?(key|argument|option|parameter|value)", Configuration),
    (r"must (be|have|not|specify|contain|match|include|provide)|invalid|not valid|isn't valid|is required|bad request|cannot be|can't be|incorrect|illegal|wrong|required parameter|validation|not allowed|unexpected|unable to process|malformed|only one|at least|at most|cannot|can't", InvalidRequest),
];
