//! Which of the two servers it is, and how their texts compare.

/// Which of the two servers it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Mysql { invisible: bool, nopad: bool },
    Mariadb,
}

impl Flavour {
    /// `8.0.36`, `5.5.5-10.11.6-MariaDB-log`.
    pub(super) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            return Self::Mariadb;
        }
        let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let version = [next(), next(), next()];
        Self::Mysql { invisible: version >= [8, 0, 23], nopad: version >= [8, 0, 17] }
    }

    /// Whether a column can be hidden from `SELECT *`.
    pub(super) fn hides_columns(self) -> bool {
        match self {
            Self::Mysql { invisible, .. } => invisible,
            Self::Mariadb => true,
        }
    }

    /// What stands before and within a SELECT that should not take longer.
    pub(super) fn at_most_a_minute(self) -> (&'static str, &'static str) {
        match self {
            Self::Mysql { .. } => ("", " /*+ MAX_EXECUTION_TIME(60000) */"),
            Self::Mariadb => ("SET STATEMENT max_statement_time = 60 FOR ", ""),
        }
    }

    /// The comparison of texts that takes two for one only when they are alike.
    pub(super) fn exact(self) -> Collation {
        let name = match self {
            Self::Mysql { nopad: true, .. } => "utf8mb4_0900_bin",
            Self::Mysql { nopad: false, .. } => "utf8mb4_bin",
            Self::Mariadb => "utf8mb4_nopad_bin",
        };
        Collation { letters: "utf8mb4".to_owned(), name: name.to_owned() }
    }
}

/// How a text column compares, and its letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collation {
    pub(super) letters: String,
    pub(super) name: String,
}

impl Collation {
    /// Whether texts that are equal are alike to the last blank.
    pub(super) fn is_exact(&self) -> bool {
        self.letters == "binary" || self.name.ends_with("nopad_bin") || self.name.ends_with("0900_bin")
    }

    /// Whether blanks at the end count.
    pub(super) fn counts_blanks(&self) -> bool {
        self.name.contains("nopad") || self.name.contains("0900")
    }
}

#[cfg(test)]
mod tests;
