//! What can be told of a step by its form alone: no columns are known here.

use super::step::Step;

/// What a step is by its verb.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The word that the spec uses.
    pub verb: &'static str,
    /// The same columns of the same types are behind it, also when it is wrong.
    pub keeps_columns: bool,
    /// The rows behind it are not those before it, or not once each.
    pub other_rows: bool,
    /// As SQL: rows may come out in another order than they went in, or depend on each other.
    pub mixes: bool,
}

impl Form {
    const fn of(verb: &'static str) -> Self {
        Self { verb, keeps_columns: false, other_rows: false, mixes: false }
    }
}

impl Step {
    pub fn form(&self) -> Form {
        match self {
            Self::Select(_) => Form::of("select"),
            Self::Drop(_) => Form::of("drop"),
            Self::Rename(_) => Form::of("rename"),
            Self::Cast(_) => Form::of("cast"),
            Self::Parse(_) => Form::of("parse"),
            Self::Filter(_) => Form { keeps_columns: true, ..Form::of("filter") },
            Self::Derive(_) => Form::of("derive"),
            Self::Set(_) => Form { keeps_columns: true, ..Form::of("set") },
            Self::Fill(_) => Form { keeps_columns: true, ..Form::of("fill") },
            Self::Join(_) => Form { other_rows: true, mixes: true, ..Form::of("join") },
            Self::Deduplicate(_) => Form { keeps_columns: true, mixes: true, ..Form::of("deduplicate") },
            Self::Aggregate(_) => Form { other_rows: true, mixes: true, ..Form::of("aggregate") },
            Self::Pivot(_) => Form { other_rows: true, ..Form::of("pivot") },
            Self::Unpivot(_) => Form { other_rows: true, mixes: true, ..Form::of("unpivot") },
            Self::Window(_) => Form { mixes: true, ..Form::of("window") },
            Self::Sort(_) => Form { keeps_columns: true, mixes: true, ..Form::of("sort") },
            Self::Split(_) => Form::of("split"),
            Self::Mask(_) => Form::of("mask"),
            Self::Flatten(_) => Form::of("flatten"),
            Self::Explode(_) => Form { other_rows: true, ..Form::of("explode") },
            Self::Sql(_) => Form { other_rows: true, ..Form::of("sql") },
            Self::Python(_) => Form { other_rows: true, ..Form::of("python") },
        }
    }

    /// The word that the spec uses.
    pub fn verb(&self) -> &'static str {
        self.form().verb
    }

    /// Its expressions over the columns of a row.
    pub fn expressions(&self) -> Vec<&str> {
        match self {
            Self::Filter(condition) => vec![condition],
            Self::Derive(columns) => columns.values().map(String::as_str).collect(),
            Self::Set(set) => set.values.values().map(String::as_str).chain([set.condition.as_str()]).collect(),
            Self::Select(_)
            | Self::Drop(_)
            | Self::Rename(_)
            | Self::Cast(_)
            | Self::Parse(_)
            | Self::Fill(_)
            | Self::Join(_)
            | Self::Deduplicate(_)
            | Self::Aggregate(_)
            | Self::Window(_)
            | Self::Sort(_)
            | Self::Split(_)
            | Self::Mask(_)
            | Self::Flatten(_)
            | Self::Explode(_)
            | Self::Pivot(_)
            | Self::Unpivot(_)
            | Self::Sql(_)
            | Self::Python(_) => Vec::new(),
        }
    }

    /// A step of several columns as a step each, with the column that it makes or changes.
    pub fn parts(&self) -> Vec<(String, Self)> {
        match self {
            Self::Cast(types) => {
                types.iter().map(|(name, to)| (name.clone(), Self::Cast([(name.clone(), *to)].into()))).collect()
            }
            Self::Derive(columns) => {
                let one = |(name, text): (&String, &String)| {
                    (name.clone(), Self::Derive([(name.clone(), text.clone())].into()))
                };
                columns.iter().map(one).collect()
            }
            Self::Select(_)
            | Self::Drop(_)
            | Self::Rename(_)
            | Self::Parse(_)
            | Self::Filter(_)
            | Self::Set(_)
            | Self::Fill(_)
            | Self::Join(_)
            | Self::Deduplicate(_)
            | Self::Aggregate(_)
            | Self::Pivot(_)
            | Self::Unpivot(_)
            | Self::Window(_)
            | Self::Sort(_)
            | Self::Split(_)
            | Self::Mask(_)
            | Self::Flatten(_)
            | Self::Explode(_)
            | Self::Sql(_)
            | Self::Python(_) => Vec::new(),
        }
    }
}
