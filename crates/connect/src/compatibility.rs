//! Whether a table that is there takes our rows as they are, looked at in one go: whatever does not fit is said together.

use std::collections::BTreeMap;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::declared::{Declared, Index, Made};
use windvane_core::schema::{DataType, Field, widen};

/// A column of a target's table.
pub struct TargetColumn<'a> {
    pub name: &'a str,
    pub generated: bool,
    pub data_type: DataType,
    /// Its type, for people.
    pub declared: &'a str,
    /// So many digits it keeps of a decimal, whatever it declares.
    pub digits: u8,
}

/// A column that does not go into the target's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub column: String,
    /// For people: `column 'a' is int64 here and integer at the target`.
    pub what: String,
    pub way: String,
    /// The type of ours that would go, where a cast to it loses no value in silence.
    pub cast: Option<DataType>,
    /// The type to pass on the way there, which refuses digits that would be lost.
    pub through: Option<DataType>,
    /// The target's column can get a type that holds ours.
    pub widens: bool,
    /// Ours is text.
    pub from_text: bool,
}

/// How our columns go into a table as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compatibility {
    pub exists: bool,
    pub mismatches: Vec<Mismatch>,
    /// Columns of ours that it lacks.
    pub new: Vec<String>,
    /// The types of those that it has, as they are declared.
    pub declared: BTreeMap<String, String>,
    /// What was asked for of the source's table and is not at this one.
    pub lacks: Vec<String>,
    /// Its columns that get a value by themselves.
    pub fills: Vec<String>,
    /// Its indexes beside the key.
    pub indexes: Vec<Index>,
}

impl Mismatch {
    /// Of what a connector says of a column; `theirs` is the type that the target's column would take.
    pub fn of(said: &Error, ours: &Field, theirs: Option<DataType>) -> Self {
        let through = theirs.and_then(|theirs| through(ours.data_type, theirs));
        let cast = theirs.filter(|theirs| through.is_some() || exact(ours.data_type, *theirs));
        let zone = cast.is_some_and(|cast| moments(ours.data_type, cast));
        Self {
            column: ours.name.clone(),
            what: format!("{}{}", said.message(), if zone { " (a cast takes it for UTC)" } else { "" }),
            way: said.hint_text().unwrap_or_default().to_owned(),
            cast,
            through,
            widens: theirs.is_some_and(|theirs| wider(ours, theirs).is_some()),
            from_text: ours.data_type == DataType::Text,
        }
    }

    /// A column whose name the target spells with other letters: beside it, a second one would take the values.
    pub fn spelt(ours: &str, theirs: &str) -> Self {
        Self {
            column: ours.to_owned(),
            what: format!("column '{ours}' is called '{theirs}' at the target"),
            way: format!("Rename it in a step (rename: {{{ours}: {theirs}}}), or rename the target's column"),
            cast: None,
            through: None,
            widens: false,
            from_text: false,
        }
    }

    /// A column of the target that must have a value, which the rows do not have.
    pub fn required(name: &str) -> Self {
        Self {
            column: name.to_owned(),
            what: format!("the target's column '{name}' takes no null and has no default, and the rows do not have it"),
            way: format!("Load '{name}' too, or give the target's column a default"),
            cast: None,
            through: None,
            widens: false,
            from_text: false,
        }
    }
}

impl Compatibility {
    /// What a table that is made would have taken over on request, and this one does not have.
    pub fn lacking(&self, kept: &Declared) -> Vec<String> {
        let indexes = kept.indexes.iter().filter(|index| !self.indexes.iter().any(|known| known.is_like(index)));
        let counts = |column: &&windvane_core::schema::declared::Facts| column.made == Some(Made::Counted);
        let counters = kept.columns.iter().filter(counts).filter(|column| !self.fills.contains(&column.name));
        let indexes = indexes.map(|index| format!("the index '{}'", index.name));
        indexes.chain(counters.map(|column| format!("the counter of '{}'", column.name))).collect()
    }

    /// Nothing, or one error for all of them. `adds`: columns may be added to the table.
    pub fn judge(&self, adds: bool) -> Result<()> {
        let missing = if adds { [].as_slice() } else { self.new.as_slice() };
        let mut said: Vec<String> = self.mismatches.iter().map(|mismatch| mismatch.what.clone()).collect();
        said.extend(missing.iter().map(|name| format!("the target's table has no column '{name}'")));
        let Some(first) = said.first() else { return Ok(()) };
        let column = self.mismatches.first().map(|mismatch| &mismatch.column).or(missing.first());
        let mut ways: Vec<String> = Vec::new();
        let casts: Vec<String> = self
            .mismatches
            .iter()
            .filter_map(|mismatch| mismatch.cast.map(|to| format!("{}: {}", mismatch.column, word(to))))
            .collect();
        if said.len() == 1 {
            ways.extend(self.mismatches.first().map(|mismatch| mismatch.way.clone()));
        } else {
            ways.extend((!casts.is_empty()).then(|| {
                format!(
                    "Cast them in a step, `cast: {{{}}}` (a value that does not fit goes to quarantine then); `windvane plan` \
                     proposes it",
                    casts.join(", ")
                )
            }));
            ways.extend(
                self.mismatches.iter().filter(|mismatch| mismatch.cast.is_none()).map(|mismatch| mismatch.way.clone()),
            );
        }
        if !missing.is_empty() {
            ways.push(
                "`drift: evolve` adds columns; or leave them out with `drop`, or add them to the table".to_owned(),
            );
        }
        let message = if said.len() == 1 {
            first.clone()
        } else {
            format!("{} columns do not fit the target's table: {}", said.len(), said.join("; "))
        };
        let error = Error::new(Kind::Conflict, message).hint(ways.join(". "));
        Err(match column.filter(|_| said.len() == 1) {
            Some(column) => error.at_path(column),
            None => error,
        })
    }
}

/// As it is written in a spec.
fn word(data_type: DataType) -> String {
    let word = data_type.to_string();
    if word.contains(',') { format!("'{word}'") } else { word }
}

/// Whether a cast gives each value as it was, or refuses its row.
fn exact(from: DataType, to: DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Text, T::Binary) | (T::Binary, _) => false,
        (_, T::Text) | (T::Text, _) => true,
        (T::Int16 | T::Int32 | T::Int64 | T::Decimal { .. }, T::Int16 | T::Int32 | T::Int64 | T::Decimal { .. })
        | (T::Float32 | T::Float64 | T::Boolean, T::Int16 | T::Int32 | T::Int64)
        | (T::Int16 | T::Int32 | T::Int64, T::Boolean)
        | (T::Int16, T::Float32)
        | (T::Int16 | T::Int32 | T::Float32, T::Float64)
        | (T::Date | T::TimestampTz, T::Timestamp)
        | (T::Timestamp, T::TimestampTz) => true,
        (T::Decimal { precision, .. }, T::Float32 | T::Float64) => {
            digits(to).is_some_and(|(_, kept)| precision <= kept)
        }
        _ => false,
    }
}

fn moments(one: DataType, other: DataType) -> bool {
    use DataType as T;
    matches!((one, other), (T::Timestamp, T::TimestampTz) | (T::TimestampTz, T::Timestamp))
}

/// How many digits of a whole number a float holds, and of any: what it gives back as it was.
fn digits(float: DataType) -> Option<(u8, u8)> {
    match float {
        DataType::Float32 => Some((7, 6)),
        DataType::Float64 => Some((15, 15)),
        _ => None,
    }
}

/// The longest numbers of ours that such a column gives back as they were; nothing where it holds all of them, or few.
fn through(from: DataType, to: DataType) -> Option<DataType> {
    use DataType as T;
    let (whole, any) = digits(to).filter(|_| !exact(from, to))?;
    match from {
        T::Int32 | T::Int64 | T::Decimal { scale: 0, .. } => Some(T::Decimal { precision: whole, scale: 0 }),
        T::Decimal { scale, .. } if u8::try_from(scale).is_ok_and(|scale| scale < any) => {
            Some(T::Decimal { precision: any, scale })
        }
        _ => None,
    }
}

/// Whether it holds each value of ours exactly. `database`: one that does not tell upper from lower case.
pub fn fits(ours: &Field, theirs: &TargetColumn<'_>, database: &str) -> Result<()> {
    let name = &ours.name;
    let conflict = |message: String, hint: String| Err(Error::new(Kind::Conflict, message).at_path(name).hint(hint));
    if theirs.name != name {
        return conflict(
            format!("column '{name}' is written '{}' at the target", theirs.name),
            format!("{database} does not tell upper from lower case: write it as the target does"),
        );
    }
    if theirs.generated {
        let hint = "Leave the column out in the steps";
        return conflict(format!("the target computes column '{name}' itself"), hint.to_owned());
    }
    let fits = match (ours.data_type, theirs.data_type) {
        (DataType::Decimal { precision, scale }, DataType::Decimal { precision: p, scale: s }) => {
            let whole = i16::from(precision) - i16::from(scale);
            precision <= theirs.digits && s >= scale && i16::from(p) - i16::from(s) >= whole
        }
        (DataType::Int16, DataType::Int32 | DataType::Int64)
        | (DataType::Int32, DataType::Int64)
        | (DataType::Float32, DataType::Float64)
        | (DataType::Json | DataType::Uuid, DataType::Text) => true,
        (ours, theirs) => ours == theirs,
    };
    if fits {
        return Ok(());
    }
    let words = if moments(ours.data_type, theirs.data_type) {
        // MySQL's `timestamp` is not ours.
        let zone = |data_type: DataType| if data_type == DataType::TimestampTz { "with" } else { "without" };
        let (here, there) = (zone(ours.data_type), zone(theirs.data_type));
        format!("a timestamp {here} time zone here and {} at the target, {there} time zone", theirs.declared)
    } else {
        format!("{} here and {} at the target", ours.data_type, theirs.declared)
    };
    conflict(
        format!("column '{name}' is {words}"),
        format!("Cast '{name}' in a step to {}, or change the target's column", theirs.data_type),
    )
}

/// The type that their column must get to hold ours as well, where that is only wider.
pub fn wider(ours: &Field, theirs: DataType) -> Option<DataType> {
    widen::joined(theirs, ours.data_type).filter(|wide| *wide != theirs)
}

/// A column that cannot widen where it is.
pub fn stays(ours: &Field, declared: &str, why: &str) -> Error {
    let (name, data_type) = (&ours.name, ours.data_type);
    Error::new(Kind::Conflict, format!("column '{name}' is {data_type} here and {declared} at the target; {why}"))
        .at_path(name)
        .hint("Nothing was changed. Widen the target's column by hand, and run again")
}

/// The same as a mismatch, where the two may become one by a cast.
pub fn mismatch(ours: &Field, theirs: &TargetColumn<'_>, database: &str) -> Option<Mismatch> {
    let said = fits(ours, theirs, database).err()?;
    let to = Some(theirs.data_type).filter(|_| theirs.name == ours.name && !theirs.generated);
    // Of a decimal, a number column keeps so many digits only.
    let to = to.filter(|to| !matches!(to, DataType::Decimal { precision, .. } if *precision > theirs.digits));
    Some(Mismatch::of(&said, ours, to))
}
