//! What clauses ask for, and what became of a text.

use super::condition::Condition;
use windvane_core::spec::verb::MaskHow;

/// What one clause asks for. Names are those of the data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    /// Only the rows where all of this holds.
    Only {
        table: String,
        conditions: Vec<Condition>,
    },
    Drop {
        table: String,
        columns: Vec<String>,
    },
    Select {
        table: String,
        columns: Vec<String>,
    },
    /// Equal rows once; by a key when there is one.
    Once {
        table: String,
        by: Option<Vec<String>>,
    },
    NotNull {
        table: String,
        columns: Vec<String>,
    },
    Unique {
        table: String,
        columns: Vec<String>,
    },
    Rename {
        table: String,
        from: String,
        to: String,
    },
    Mask {
        table: String,
        columns: Vec<String>,
        how: MaskHow,
    },
    NoPersonal,
    /// Nothing is to be done, and these stay.
    Keep(Kept),
    /// Nothing is asked: the name of a dataset, what the data is for.
    Nothing,
}

/// What the words protect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kept {
    Columns(Vec<String>),
    Rows(Condition),
    AllRows,
    Duplicates,
    Nulls(Vec<String>),
    Personal,
    Everything,
}

/// What became of one text.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The clauses as they were written and what they ask for.
    pub(crate) clauses: Vec<(String, Wish)>,
    /// The words that were not understood, and why where that can be said.
    pub(crate) unread: Vec<Unread>,
    /// Whether a text that was not understood asks for something at all.
    pub(crate) asks: bool,
}

impl Reading {
    /// Whether the words ask for things as they are.
    pub(crate) fn keeps_everything(&self) -> bool {
        self.clauses.iter().any(|(_, wish)| *wish == Wish::Keep(Kept::Everything))
    }
}

impl Wish {
    /// The dataset it is about; nothing where it is about all of them.
    pub(crate) fn table(&self) -> Option<&str> {
        match self {
            Self::Only { table, .. }
            | Self::Drop { table, .. }
            | Self::Select { table, .. }
            | Self::Once { table, .. }
            | Self::NotNull { table, .. }
            | Self::Unique { table, .. }
            | Self::Rename { table, .. }
            | Self::Mask { table, .. } => Some(table),
            Self::NoPersonal | Self::Keep(_) | Self::Nothing => None,
        }
    }

    /// For people: how the words were read.
    pub(crate) fn said(&self) -> String {
        let list = |columns: &[String]| columns.join(", ");
        match self {
            Self::Only { table, conditions } => {
                let all: Vec<String> = conditions.iter().map(Condition::said).collect();
                format!("of {table} only the rows where {}", all.join(" and "))
            }
            Self::Drop { table, columns } => format!("{table} without {}", list(columns)),
            Self::Select { table, columns } => format!("of {table} only the columns {}", list(columns)),
            Self::Once { table, by: None } => format!("equal rows of {table} once"),
            Self::Once { table, by: Some(by) } => format!("one row of {table} for each {}", list(by)),
            Self::NotNull { table, columns } => format!("no nulls in {} of {table}", list(columns)),
            Self::Unique { table, columns } => format!("{} of {table} repeats no value", list(columns)),
            Self::Rename { from, to, .. } => format!("{from} is to be called {to}"),
            Self::Mask { columns, .. } => format!("the values of {} are to be hidden", list(columns)),
            Self::NoPersonal => "no personal data".to_owned(),
            Self::Keep(Kept::Columns(columns)) => format!("{} stays", list(columns)),
            Self::Keep(Kept::Rows(condition)) => format!("the rows where {} stay", condition.said()),
            Self::Keep(Kept::AllRows) => "all rows stay".to_owned(),
            Self::Keep(Kept::Duplicates) => "duplicates stay".to_owned(),
            Self::Keep(Kept::Nulls(columns)) => format!("nulls in {} stay", list(columns)),
            Self::Keep(Kept::Personal) => "personal data stays".to_owned(),
            Self::Keep(Kept::Everything) => "everything stays as it is".to_owned(),
            Self::Nothing => "asks for no change".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) words: String,
    pub(crate) why: Option<String>,
}

/// What a clause can say, and where it ends.
pub(crate) type Found = Vec<(Wish, usize)>;
