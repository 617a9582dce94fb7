//! From wishes to steps and checks, each with the effect that it may have, or with the reason why a person must decide.

use super::condition::{self, Condition, Test};
use super::wish::{Kept, Reading, Wish};
use crate::proposed_change::{Change, Effect};
use crate::question::Loaded;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::spec::check::Check;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Deduplicate, Keep, Step};
use windvane_core::spec::verb::Mask;
use windvane_know::profile::semantic::{NAMED, is_identifier_name, sensitive};
use windvane_know::profile::{ColumnProfile, Profile};

/// Every row stays.
const ALL: Effect = Effect { at_least: 1.0, at_most: 1.0 };
/// Duplicates are the exception: where most rows would go, the key is the wrong one.
const ONCE: Effect = Effect { at_least: 0.5, at_most: 1.0 };
/// A check that more rows break is no rule of the data.
const MOSTLY: Effect = Effect { at_least: 0.8, at_most: 1.0 };
/// So many rows are tried; of fewer the dry run sees all.
const TRIED: u64 = 1_000;

/// What words ask for.
pub(crate) struct Derived {
    pub(crate) output: String,
    pub(crate) change: Change,
    pub(crate) words: String,
    pub(crate) effect: Effect,
    /// Why it is done, or why not without a person.
    pub(crate) verdict: Result<String, String>,
}

type Verdict = Result<(), String>;

/// The changes, in the order in which they must run. What the spec says itself is left out.
pub(crate) fn derive(reading: &Reading, loaded: &[Loaded<'_>]) -> Vec<Derived> {
    let whole: Verdict = match reading.unread.first() {
        None => Ok(()),
        Some(unread) => Err(format!("the words '{}' were not understood: a person should decide", unread.words)),
    };
    let mut all: Vec<Derived> = Vec::new();
    for (index, (words, wish)) in reading.clauses.iter().enumerate() {
        let clash = || contradicted(index, wish, &reading.clauses);
        for one in loaded {
            for (change, effect, verdict) in changes(wish, one) {
                if satisfied(&change, one) {
                    continue;
                }
                let verdict = whole.clone().and_then(|()| clash()).and(verdict).and_then(|()| spoken_of(&change, one));
                let verdict = verdict.map(|()| "it is what the words say".to_owned());
                let output = one.output.clone();
                let known = all.iter_mut().find(|known| known.output == output && same(&known.change, &change));
                match known {
                    Some(known) => known.words = format!("{}; {words}", known.words),
                    None => all.push(Derived { output, change, words: words.clone(), effect, verdict }),
                }
            }
        }
    }
    let mut all = joined(all, loaded);
    all.sort_by_key(|derived| rank(&derived.change));
    all
}

/// Filters see all columns; columns go last.
fn rank(change: &Change) -> u8 {
    match change {
        Change::Step(Step::Filter(_)) => 0,
        Change::Step(Step::Deduplicate(_)) => 1,
        Change::Step(Step::Mask(_)) => 2,
        Change::Step(Step::Drop(_)) => 3,
        Change::Step(Step::Select(_)) => 4,
        Change::Step(_) => 5,
        Change::Check(_) => 6,
    }
}

/// The columns that go, go in one step.
fn joined(all: Vec<Derived>, loaded: &[Loaded<'_>]) -> Vec<Derived> {
    let mut rest: Vec<Derived> = Vec::new();
    for derived in all {
        let drops = |one: &Derived| matches!(&one.change, Change::Step(Step::Drop(_))) && one.verdict.is_ok();
        let known = rest.iter_mut().find(|known| known.output == derived.output && drops(known) && drops(&derived));
        match (known, &derived.change) {
            (Some(known), Change::Step(Step::Drop(more))) => {
                known.words = format!("{}; {}", known.words, derived.words);
                if let Change::Step(Step::Drop(columns)) = &mut known.change {
                    let both: BTreeSet<&String> = columns.iter().chain(more).collect();
                    let schema = loaded.iter().find(|one| one.output == derived.output).map(|one| &one.schema);
                    let ordered = schema.map(|schema| schema.names().map(str::to_owned).collect::<Vec<_>>());
                    let ordered = ordered.unwrap_or_default();
                    *columns = ordered.into_iter().filter(|name| both.contains(name)).collect();
                }
            }
            _ => rest.push(derived),
        }
    }
    for derived in &mut rest {
        let all_gone = match &derived.change {
            Change::Step(Step::Drop(columns)) => {
                loaded.iter().any(|one| one.output == derived.output && columns.len() >= one.schema.fields.len())
            }
            Change::Step(_) | Change::Check(_) => false,
        };
        if all_gone {
            derived.verdict = Err("no column would be left: a person should decide".to_owned());
        }
    }
    rest
}

/// What a wish is for one output; nothing when it is about another.
fn changes(wish: &Wish, one: &Loaded<'_>) -> Vec<(Change, Effect, Verdict)> {
    if wish.table().is_some_and(|table| table != one.output) {
        return Vec::new();
    }
    match wish {
        Wish::Only { conditions, .. } => conditions.iter().map(|condition| filter(condition, one)).collect(),
        Wish::Drop { columns, .. } => {
            let ordered = one.schema.names().filter(|name| columns.iter().any(|column| column == name));
            vec![(Change::Step(Step::Drop(ordered.map(str::to_owned).collect())), ALL, Ok(()))]
        }
        Wish::Select { columns, .. } => vec![(Change::Step(Step::Select(columns.clone())), ALL, Ok(()))],
        Wish::Once { by, .. } => vec![once(by.as_deref(), one)],
        Wish::NotNull { columns, .. } => {
            let broken = |name: &String| figures(one, name).map_or(0.0, |(column, rows)| share(column.nulls, rows));
            let worst = columns.iter().map(broken).fold(0.0, f64::max);
            let verdict = few(worst, 1.0 - MOSTLY.at_least, "have no value there");
            vec![(Change::Check(Check::NotNull(Columns(columns.clone()))), MOSTLY, verdict)]
        }
        Wish::Unique { columns, .. } => {
            let repeats = columns.first().filter(|_| columns.len() == 1).and_then(|name| figures(one, name));
            let repeats = repeats.map_or(0.0, |(column, rows)| {
                share(rows.saturating_sub(column.nulls).saturating_sub(column.distinct), rows)
            });
            let verdict = few(repeats, 0.02, "repeat a value");
            vec![(Change::Check(Check::Unique(Columns(columns.clone()))), MOSTLY, verdict)]
        }
        Wish::Rename { from, to, .. } => {
            let names = BTreeMap::from([(from.clone(), to.clone())]);
            vec![(Change::Step(Step::Rename(names)), ALL, Ok(()))]
        }
        Wish::Mask { columns, how, .. } => {
            let columns = columns.iter().map(|column| (column.clone(), *how)).collect();
            vec![(Change::Step(Step::Mask(Mask { columns })), ALL, Ok(()))]
        }
        Wish::NoPersonal => personal(one).into_iter().collect(),
        Wish::Keep(_) | Wish::Nothing => Vec::new(),
    }
}

fn few(seen: f64, allowed: f64, what: &str) -> Verdict {
    if seen <= allowed {
        return Ok(());
    }
    Err(format!("{:.0} % of the rows {what}, more than such words imply: a person should decide", seen * 100.0))
}

fn figures<'a>(one: &Loaded<'a>, name: &str) -> Option<(&'a ColumnProfile, u64)> {
    let profile: &Profile = one.profile?;
    Some((profile.columns.iter().find(|column| column.name == name)?, profile.rows))
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn filter(condition: &Condition, one: &Loaded<'_>) -> (Change, Effect, Verdict) {
    let number = one
        .schema
        .field(&condition.column)
        .is_some_and(|field| windvane_know::profile::column::is_numeric(field.data_type));
    let change = Change::Step(Step::Filter(condition.sql(number)));
    let Some((column, rows)) = figures(one, &condition.column) else {
        return (change, ALL, Err("the column was not measured: a person should decide".to_owned()));
    };
    let counted = |values: &BTreeSet<String>| -> Option<u64> {
        values.iter().map(|value| column.top.iter().find(|top| top.value == *value).map(|top| top.count)).sum()
    };
    let left = match &condition.test {
        Test::In(values) => counted(values),
        Test::NotIn(values) => counted(values).map(|gone| rows.saturating_sub(gone)),
        Test::Null => Some(column.nulls),
        Test::NotNull => Some(rows - column.nulls),
        Test::Compare(..) => None,
    };
    let exact = one.profile.is_some_and(|profile| profile.exact);
    let verdict = match left {
        Some(0) => Err("it would leave no row: a person should decide".to_owned()),
        _ if rows == 0 => Err("there are no rows to judge by: a person should decide".to_owned()),
        Some(_) | None => Ok(()),
    };
    let effect = match left.map(|left| share(left, rows)) {
        Some(share) if exact && rows <= TRIED => Effect { at_least: share - 1e-9, at_most: share + 1e-9 },
        Some(share) => Effect { at_least: share / 10.0, at_most: 1.0 },
        None => Effect { at_least: f64::MIN_POSITIVE, at_most: 1.0 },
    };
    (change, effect, verdict)
}

fn once(by: Option<&[String]>, one: &Loaded<'_>) -> (Change, Effect, Verdict) {
    let all: Vec<String> = one.schema.names().map(str::to_owned).collect();
    let on = by.map_or(all, <[String]>::to_vec);
    let deduplicate = |on: Vec<String>| {
        Change::Step(Step::Deduplicate(Deduplicate { on: Columns(on), keep: Keep::First, order_by: Vec::new() }))
    };
    let Some(profile) = one.profile else {
        return (deduplicate(on), ONCE, Err("nothing was measured: a person should decide".to_owned()));
    };
    let single = on.first().filter(|_| on.len() == 1).and_then(|name| figures(one, name));
    let Some((column, rows)) = single else { return (deduplicate(on), ONCE, Ok(())) };
    if profile.exact && column.distinct_exact && column.nulls == 0 && column.distinct == rows {
        return (Change::Check(Check::Unique(Columns(on))), ALL, Ok(()));
    }
    let left = share(column.distinct, rows);
    let verdict = if column.nulls > 1 {
        Err(format!("{} rows have no {}: they would become one; a person should decide", column.nulls, column.name))
    } else if left < ONCE.at_least {
        let gone = (1.0 - left) * 100.0;
        Err(format!("{gone:.0} % of the rows would go, more than duplicates are: a person should decide"))
    } else {
        Ok(())
    };
    (deduplicate(on), ONCE, verdict)
}

/// All columns with personal data. A person decides where values or a name alone speak for it and may be wrong.
fn personal(one: &Loaded<'_>) -> Option<(Change, Effect, Verdict)> {
    let columns = one.profile?.columns.iter().filter(|column| column.pii || sensitive(&column.name));
    let columns: Vec<&ColumnProfile> = columns.collect();
    if columns.is_empty() {
        return None;
    }
    let doubtful = columns.iter().filter(|column| {
        let key = is_identifier_name(&column.name) || one.dataset.found.primary_key.contains(&column.name);
        let named = column.semantic_confidence <= NAMED;
        key || !column.pii || named || column.semantic_confidence < 0.8 && !sensitive(&column.name)
    });
    let doubtful: Vec<&str> = doubtful.map(|column| column.name.as_str()).collect();
    let verdict = if doubtful.is_empty() {
        Ok(())
    } else {
        Err(format!("{} may be personal, but that is not certain: a person should decide", doubtful.join(", ")))
    };
    let names = columns.iter().map(|column| column.name.clone()).collect();
    Some((Change::Step(Step::Drop(names)), ALL, verdict))
}

/// Why this wish cannot stand beside the others.
fn contradicted(index: usize, wish: &Wish, clauses: &[(String, Wish)]) -> Verdict {
    let others = clauses.iter().enumerate().filter(|(other, _)| *other != index);
    for (_, (words, other)) in others {
        let clash = match other {
            Wish::Keep(kept) => protects(kept, wish),
            Wish::Only { conditions, .. } => rivals(wish, conditions),
            Wish::Drop { columns, .. } => changes_column(wish, columns),
            Wish::Mask { columns, .. } => matches!(wish, Wish::Rename { from, .. } if columns.contains(from)),
            Wish::Rename { from, .. } => matches!(wish, Wish::Rename { from: mine, .. } if mine == from),
            Wish::Select { columns, .. } => {
                matches!(wish, Wish::Rename { .. } | Wish::NoPersonal | Wish::Drop { .. })
                    || matches!(wish, Wish::Select { columns: mine, .. } if mine != columns)
            }
            Wish::Once { by, .. } => matches!(wish, Wish::Once { by: mine, .. } if mine != by),
            Wish::NoPersonal => matches!(wish, Wish::Select { .. } | Wish::Rename { .. } | Wish::Mask { .. }),
            Wish::NotNull { .. } | Wish::Unique { .. } | Wish::Nothing => false,
        };
        if clash {
            return Err(format!("'{words}' says something else: a person should decide"));
        }
    }
    Ok(())
}

/// Two choices of rows: do they mean the rows of both, or those of either?
fn rivals(wish: &Wish, others: &[Condition]) -> bool {
    let chooses = |condition: &Condition| condition.test.chooses();
    let Wish::Only { conditions, .. } = wish else { return false };
    let both = conditions.iter().any(chooses) && others.iter().any(chooses);
    let twisted = conditions.iter().any(|mine| {
        others.iter().any(|other| {
            let (Some(left), Some(right)) = (mine.test.values(), other.test.values()) else { return false };
            mine.test.chooses() != other.test.chooses() && mine.column == other.column && !left.is_disjoint(right)
        })
    });
    both || twisted
}

fn changes_column(wish: &Wish, columns: &[String]) -> bool {
    match wish {
        Wish::Rename { from, .. } => columns.contains(from),
        Wish::Mask { columns: mine, .. }
        | Wish::NotNull { columns: mine, .. }
        | Wish::Unique { columns: mine, .. }
        | Wish::Select { columns: mine, .. } => mine.iter().any(|column| columns.contains(column)),
        Wish::Only { .. }
        | Wish::Drop { .. }
        | Wish::Once { .. }
        | Wish::NoPersonal
        | Wish::Keep(_)
        | Wish::Nothing => false,
    }
}

/// Whether what is to be kept forbids this.
fn protects(kept: &Kept, wish: &Wish) -> bool {
    let acts = !matches!(wish, Wish::Keep(_) | Wish::Nothing);
    match kept {
        Kept::Everything => acts,
        Kept::Columns(columns) => match wish {
            Wish::Drop { columns: gone, .. } | Wish::Mask { columns: gone, .. } => {
                gone.iter().any(|column| columns.contains(column))
            }
            Wish::Rename { from, .. } => columns.contains(from),
            Wish::Select { columns: left, .. } => columns.iter().any(|column| !left.contains(column)),
            // Which of the personal columns are these?
            Wish::NoPersonal => true,
            Wish::Only { .. }
            | Wish::Once { .. }
            | Wish::NotNull { .. }
            | Wish::Unique { .. }
            | Wish::Keep(_)
            | Wish::Nothing => false,
        },
        Kept::Rows(condition) => {
            matches!(wish, Wish::Only { conditions, .. } if !conditions.iter().all(|mine| keeps(mine, condition)))
        }
        Kept::AllRows => matches!(wish, Wish::Only { .. } | Wish::Once { .. }),
        Kept::Duplicates => matches!(wish, Wish::Once { .. } | Wish::Unique { .. }),
        Kept::Nulls(columns) => {
            let named = |column: &String| columns.contains(column);
            matches!(wish, Wish::NotNull { columns: mine, .. } if mine.iter().any(named))
                || matches!(wish, Wish::Only { conditions, .. } if conditions.iter().any(|mine| named(&mine.column)))
        }
        Kept::Personal => {
            matches!(wish, Wish::NoPersonal | Wish::Drop { .. } | Wish::Mask { .. } | Wish::Select { .. })
        }
    }
}

/// Whether the rows of the second pass the first.
fn keeps(mine: &Condition, rows: &Condition) -> bool {
    let (Some(said), Test::In(rows_of)) = (mine.test.values(), &rows.test) else { return false };
    let passes = if mine.test.chooses() { rows_of.is_subset(said) } else { rows_of.is_disjoint(said) };
    mine.column == rows.column && passes
}

/// Whether the user's own steps or checks do this already.
pub(crate) fn satisfied(change: &Change, one: &Loaded<'_>) -> bool {
    let within = |mine: &[String], other: &[String]| mine.iter().all(|column| other.contains(column));
    match change {
        Change::Step(Step::Filter(text)) => one.steps.iter().any(|step| {
            let says = |own: &str| Condition::of(text).is_some_and(|wanted| condition::parts(own).contains(&wanted));
            matches!(step, Step::Filter(own) if says(own))
        }),
        Change::Step(Step::Drop(columns)) => {
            one.steps.iter().any(|step| matches!(step, Step::Drop(own) if within(columns, own)))
        }
        Change::Step(Step::Deduplicate(wanted)) => {
            let on = |own: &Columns| set(&own.0) == set(&wanted.on.0);
            one.steps.iter().any(|step| matches!(step, Step::Deduplicate(own) if on(&own.on)))
                || one.checks.iter().any(|check| matches!(check, Check::Unique(own) if on(own)))
        }
        Change::Check(Check::NotNull(wanted)) => {
            one.checks.iter().any(|check| matches!(check, Check::NotNull(own) if within(&wanted.0, &own.0)))
        }
        Change::Check(Check::Unique(wanted)) => {
            one.checks.iter().any(|check| matches!(check, Check::Unique(own) if set(&own.0) == set(&wanted.0)))
                || one
                    .steps
                    .iter()
                    .any(|step| matches!(step, Step::Deduplicate(own) if set(&own.on.0) == set(&wanted.0)))
        }
        Change::Step(step) => one.steps.contains(&step),
        Change::Check(check) => one.checks.contains(&check),
    }
}

/// What the spec's own steps speak of is theirs to decide.
fn spoken_of(change: &Change, one: &Loaded<'_>) -> Verdict {
    let columns: Vec<String> = match change {
        Change::Step(Step::Filter(text)) => Condition::of(text).map(|condition| condition.column).into_iter().collect(),
        Change::Step(Step::Drop(columns) | Step::Select(columns)) => columns.clone(),
        Change::Step(Step::Deduplicate(wanted)) => {
            let own = one.steps.iter().any(|step| matches!(step, Step::Deduplicate(_)));
            let all = wanted.on.0.len() == one.schema.fields.len();
            if all && !own { Vec::new() } else { wanted.on.0.clone() }
        }
        Change::Step(Step::Rename(names)) => names.keys().chain(names.values()).cloned().collect(),
        Change::Step(Step::Mask(mask)) => mask.columns.keys().cloned().collect(),
        Change::Step(_) | Change::Check(_) => Vec::new(),
    };
    match columns.iter().find(|column| one.mentions(column)) {
        Some(column) => Err(format!("the spec speaks of {column} itself: a person should decide")),
        None => Ok(()),
    }
}

fn set(columns: &[String]) -> BTreeSet<&String> {
    columns.iter().collect()
}

/// Whether two changes are one: the same columns, the same values, the same operator, however they are written.
pub(crate) fn same(left: &Change, right: &Change) -> bool {
    match (left, right) {
        (Change::Step(Step::Filter(left)), Change::Step(Step::Filter(right))) => {
            left == right || Condition::of(left).is_some_and(|mine| Condition::of(right) == Some(mine))
        }
        (Change::Step(Step::Drop(left)), Change::Step(Step::Drop(right)))
        | (Change::Step(Step::Select(left)), Change::Step(Step::Select(right))) => set(left) == set(right),
        (Change::Step(Step::Deduplicate(left)), Change::Step(Step::Deduplicate(right))) => {
            set(&left.on.0) == set(&right.on.0) && left.keep == right.keep && left.order_by == right.order_by
        }
        (Change::Check(Check::NotNull(left)), Change::Check(Check::NotNull(right)))
        | (Change::Check(Check::Unique(left)), Change::Check(Check::Unique(right))) => set(&left.0) == set(&right.0),
        (Change::Step(_) | Change::Check(_), _) => left == right,
    }
}
