//! FROM and JOIN: which tables there are, which column a name means, and the join steps.

use super::words::{INPUT, identifier, refused};
use crate::errors::no_column;
use crate::expression::written;
use crate::walk;
use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Select, TableFactor,
    VisitorMut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use windvane_core::error::{Error, Result};
use windvane_core::schema::sql::quote;
use windvane_core::schema::{Field, Schema};
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Join as JoinStep, JoinKind, Step};

/// The tables as they are written.
pub(super) struct From {
    alias: String,
    joins: Vec<Join>,
}

struct Join {
    dataset: String,
    alias: String,
    how: JoinKind,
    constraint: JoinConstraint,
}

/// The columns that expressions see, and what they are called between the steps.
pub(super) struct Scope {
    pub(super) schema: Schema,
    columns: Vec<Known>,
}

struct Known {
    table: String,
    name: String,
    /// Between the steps; none for the key of a left join's other side, which the join does not keep.
    actual: Option<String>,
    /// Named by USING, so that the bare name means the first table's.
    merged: bool,
}

impl From {
    pub(super) fn read(select: &Select) -> Result<Self> {
        let [table] = select.from.as_slice() else {
            return Err(refused("a list of tables behind FROM", "Write FROM input JOIN other ON ..."));
        };
        let (name, alias) = relation(&table.relation)?;
        if name != INPUT {
            return Err(Error::spec(format!("the dataset is called '{INPUT}' in its query, not '{name}'"))
                .hint(format!("Write FROM {INPUT}, and JOIN {name} for another dataset")));
        }
        let mut joins = Vec::new();
        for join in &table.joins {
            let (how, constraint) = match &join.join_operator {
                JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinKind::Inner, constraint),
                JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinKind::Left, constraint),
                _ => {
                    return Err(refused(
                        "a join that is neither inner nor left",
                        "Write JOIN or LEFT JOIN ... ON a = b",
                    ));
                }
            };
            if join.global {
                return Err(refused("GLOBAL JOIN", "Write JOIN"));
            }
            let (dataset, alias) = relation(&join.relation)?;
            joins.push(Join { dataset, alias, how, constraint: constraint.clone() });
        }
        Ok(Self { alias, joins })
    }

    pub(super) fn reads(&self) -> Vec<String> {
        self.joins.iter().map(|join| join.dataset.clone()).collect()
    }

    /// The steps that make one table of all; without a join there are none, and columns keep their names.
    pub(super) fn steps(
        &self,
        schema: &Schema,
        lookup: &dyn Fn(&str) -> Option<Schema>,
        steps: &mut Vec<Step>,
    ) -> Result<Scope> {
        let mut scope = Scope { schema: Schema::new(Vec::new()), columns: Vec::new() };
        let alone = self.joins.is_empty();
        let mut renamed = BTreeMap::new();
        for field in &schema.fields {
            let actual = if alone { field.name.clone() } else { format!("{}.{}", self.alias, field.name) };
            renamed.insert(field.name.clone(), actual.clone());
            scope.add(&self.alias, field, Some(actual), false);
        }
        if alone {
            return Ok(scope);
        }
        steps.push(Step::Rename(renamed));
        for join in &self.joins {
            let other = lookup(&join.dataset).ok_or_else(|| {
                Error::missing(format!("the dataset '{}' is not among the inputs", join.dataset))
                    .hint("Name a dataset of the source as `windvane discover` lists it")
            })?;
            if scope.columns.iter().any(|known| known.table == join.alias) {
                return Err(Error::spec(format!("the table '{}' is there twice", join.alias))
                    .hint("Give one of them another name: JOIN x AS y"));
            }
            join.steps(&mut scope, &other, steps)?;
        }
        Ok(scope)
    }
}

impl Join {
    fn steps(&self, scope: &mut Scope, other: &Schema, steps: &mut Vec<Step>) -> Result<()> {
        let mut right = Scope { schema: Schema::new(Vec::new()), columns: Vec::new() };
        for field in &other.fields {
            right.add(&self.alias, field, Some(field.name.clone()), false);
        }
        let mut keys: BTreeMap<String, String> = BTreeMap::new();
        let merged = matches!(self.constraint, JoinConstraint::Using(_));
        match &self.constraint {
            JoinConstraint::Using(names) => {
                for name in names {
                    let name = plain(name)?;
                    let left = scope.find(None, &Ident::new(&name))?;
                    let key = right.find(None, &Ident::new(&name))?;
                    keys.insert(key, quote(&left));
                }
            }
            JoinConstraint::On(condition) => self.equalities(condition, scope, &right, &mut keys)?,
            JoinConstraint::Natural | JoinConstraint::None => {
                return Err(refused("a join without a condition", "Write JOIN other ON input.key = other.key"));
            }
        }
        let on: Vec<String> = keys.keys().cloned().collect();
        steps.push(Step::Derive(keys));
        steps.push(Step::Join(JoinStep {
            with: self.dataset.clone(),
            on: Columns(on.clone()),
            how: self.how,
            take: Vec::new(),
            suffix: None,
        }));
        let mut renamed = BTreeMap::new();
        for field in &other.fields {
            let actual = format!("{}.{}", self.alias, field.name);
            renamed.insert(field.name.clone(), actual.clone());
            let key = on.contains(&field.name);
            // The step keeps this side's key, which says nothing about a partner that is not there.
            let kept = !key || self.how == JoinKind::Inner;
            let nullable = field.nullable || self.how == JoinKind::Left;
            scope.add(&self.alias, &Field { nullable, ..field.clone() }, kept.then_some(actual), key && merged);
        }
        steps.push(Step::Rename(renamed));
        Ok(())
    }

    fn equalities(&self, expr: &Expr, left: &Scope, right: &Scope, keys: &mut BTreeMap<String, String>) -> Result<()> {
        match expr {
            Expr::Nested(inner) => self.equalities(inner, left, right, keys),
            Expr::BinaryOp { left: one, op: BinaryOperator::And, right: two } => {
                self.equalities(one, left, right, keys)?;
                self.equalities(two, left, right, keys)
            }
            Expr::BinaryOp { left: one, op: BinaryOperator::Eq, right: two } => {
                let own = |side: &Expr| {
                    column(side).filter(|(table, name)| {
                        table.as_deref().map_or_else(|| left.find(None, name).is_err(), |table| table == self.alias)
                    })
                };
                let (key, value) = match (own(one), own(two)) {
                    (Some((_, key)), None) => (key, two),
                    (None, Some((_, key))) => (key, one),
                    _ => return Err(unequal(expr)),
                };
                let key = right.find(None, &key)?;
                if keys.insert(key, left.text(value)?).is_some() {
                    return Err(unequal(expr));
                }
                Ok(())
            }
            _ => Err(unequal(expr)),
        }
    }
}

fn unequal(expr: &Expr) -> Error {
    refused(
        &format!("the join condition '{expr}'"),
        "Join ON equalities of a column of the other dataset with columns known before, put together with AND; \
         put other conditions into WHERE",
    )
}

struct Names<'a> {
    scope: &'a Scope,
    unknown: Option<Error>,
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some((table, name)) = column(expr) else { return ControlFlow::Continue(()) };
        match self.scope.find(table.as_deref(), &name) {
            Ok(actual) => {
                *expr = identifier(&actual);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.unknown = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Scope {
    fn add(&mut self, table: &str, field: &Field, actual: Option<String>, merged: bool) {
        if let Some(actual) = &actual {
            self.schema.fields.push(Field { name: actual.clone(), ..field.clone() });
        }
        self.columns.push(Known { table: table.to_owned(), name: field.name.clone(), actual, merged });
    }

    /// An expression over these columns, as the steps read it.
    pub(super) fn text(&self, expr: &Expr) -> Result<String> {
        let mut expr = expr.clone();
        self.resolve(&mut expr)?;
        Ok(written(&expr))
    }

    /// Names become the columns that they mean.
    pub(super) fn resolve(&self, expr: &mut Expr) -> Result<()> {
        let mut names = Names { scope: self, unknown: None };
        walk::change(expr, &mut names);
        names.unknown.map_or(Ok(()), Err)
    }

    fn find(&self, table: Option<&str>, name: &Ident) -> Result<String> {
        let near =
            |known: &&Known| table.is_none_or(|table| known.table == table) && (table.is_some() || !known.merged);
        let exact: Vec<&Known> = self.columns.iter().filter(near).filter(|known| known.name == name.value).collect();
        let loose = |known: &&Known| name.quote_style.is_none() && known.name.eq_ignore_ascii_case(&name.value);
        let found = if exact.is_empty() { self.columns.iter().filter(near).filter(loose).collect() } else { exact };
        match found.as_slice() {
            [one] => one.actual.clone().ok_or_else(|| {
                refused(
                    &format!("the key '{name}' of the joined '{}'", one.table),
                    "A LEFT JOIN keeps the first table's key: use that, or another column of the joined dataset",
                )
            }),
            [] => {
                if let Some(table) = table.filter(|table| !self.columns.iter().any(|known| known.table == *table)) {
                    let tables: std::collections::BTreeSet<&str> =
                        self.columns.iter().map(|known| known.table.as_str()).collect();
                    let tables: Vec<&str> = tables.into_iter().collect();
                    return Err(Error::spec(format!("there is no table '{table}' in this query"))
                        .hint(format!("Tables are {}", tables.join(", "))));
                }
                let known = self
                    .columns
                    .iter()
                    .filter(near)
                    .map(|known| Field::new(&known.name, windvane_core::schema::DataType::Text));
                Err(no_column(&name.value, &Schema::new(known.collect())))
            }
            [one, two, ..] => {
                Err(Error::spec(format!("'{name}' is a column of '{}' and of '{}'", one.table, two.table))
                    .hint(format!("Write {}.{name} or {}.{name}", one.table, two.table)))
            }
        }
    }

    /// All columns, or those of one table, with their own names.
    pub(super) fn all(&self, table: Option<&str>) -> Result<Vec<(Expr, String)>> {
        let within =
            |known: &&Known| table.is_none_or(|table| known.table == table) && (table.is_some() || !known.merged);
        let columns: Vec<(Expr, String)> = self
            .columns
            .iter()
            .filter(within)
            .filter(|known| known.actual.is_some())
            .map(|known| {
                let parts =
                    vec![Ident::with_quote('"', known.table.as_str()), Ident::with_quote('"', known.name.as_str())];
                (Expr::CompoundIdentifier(parts), known.name.clone())
            })
            .collect();
        if columns.is_empty() {
            return Err(Error::spec(format!("there is no table '{}' in this query", table.unwrap_or(INPUT)))
                .hint("Write its name or alias"));
        }
        Ok(columns)
    }
}

/// A column's table and name.
fn column(expr: &Expr) -> Option<(Option<String>, Ident)> {
    match expr {
        Expr::Identifier(name) => Some((None, name.clone())),
        Expr::CompoundIdentifier(parts) => {
            let (name, table) = parts.split_last()?;
            let table: Vec<&str> = table.iter().map(|part| part.value.as_str()).collect();
            Some((Some(table.join(".")), name.clone()))
        }
        _ => None,
    }
}

/// A table's dataset and alias.
fn relation(table: &TableFactor) -> Result<(String, String)> {
    let TableFactor::Table { name, alias, .. } = table else {
        return Err(refused(&format!("'{table}' behind FROM"), "Name a dataset"));
    };
    let dataset = plain(name)?;
    let written = alias.as_ref().map(|alias| format!(" {alias}")).unwrap_or_default();
    let written =
        [format!("{name}{written}"), alias.as_ref().map(|alias| format!("{name} AS {alias}")).unwrap_or_default()];
    if !written.contains(&table.to_string()) || alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        return Err(refused(&format!("'{table}' behind FROM"), "Write a dataset and its alias alone"));
    }
    let alias = alias.as_ref().map_or_else(|| dataset.clone(), |alias| alias.name.value.clone());
    Ok((dataset, alias))
}

fn plain(name: &ObjectName) -> Result<String> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(part) => Ok(part.value.clone()),
        ObjectNamePart::Function(_) => Err(refused(&format!("'{name}'"), "Name a dataset")),
    });
    Ok(parts.collect::<Result<Vec<_>>>()?.join("."))
}
