//! Parquet files that cannot be read.

use std::path::Path;
use windvane_core::error::Error;

/// Why, in words.
pub(super) fn broken(path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    let text = error.to_string();
    let about = if text.contains("Disabled feature") || text.contains("NYI") || text.contains("not yet implemented") {
        Error::unsupported("the Parquet file uses a feature that is not read here")
            .hint("Write it with zstd, snappy or no compression")
    } else {
        Error::data("the file is not sound Parquet").hint("Write the file anew; it may have been cut short")
    };
    about.in_file(path.display().to_string()).caused_by(error)
}
