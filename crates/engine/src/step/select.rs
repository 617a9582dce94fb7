//! One SELECT as the steps that do it. What has no such form is refused with the way out; nothing is left out silently.
//!
//! Where SQL leaves a choice, the verbs' meaning holds: nulls sort last, a join never multiplies rows, `integer / integer`
//! is a float, and an aggregate of no rows is no row.

mod from;
mod groups;
mod words;

use super::fresh_names::free;
use crate::expression::{statement, written};
use from::{From, Scope};
use groups::Groups;
use sqlparser::ast::{
    Distinct, Expr, LimitClause, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
};
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Deduplicate, Keep, Step};
use windvane_core::spec::verb::Sort;
use words::{output, refused};

/// The other datasets that a step reads.
pub fn reads(step: &Step) -> Vec<String> {
    match step {
        Step::Join(join) => vec![join.with.clone()],
        Step::Sql(text) => {
            parse(text).ok().and_then(|(_, select)| From::read(&select).ok()).map_or_else(Vec::new, |from| from.reads())
        }
        _ => Vec::new(),
    }
}

pub(super) fn steps(text: &str, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Vec<Step>> {
    let (query, select) = parse(text)?;
    let from = From::read(&select)?;
    let mut steps = Vec::new();
    let scope = from.steps(schema, lookup, &mut steps)?;
    if let Some(condition) = &select.selection {
        steps.push(Step::Filter(scope.text(condition)?));
    }
    let mut outputs = outputs(&select, &scope)?;
    let orders = orders(&query, &scope, &outputs)?;
    // New values of every row, by hidden name.
    let mut values: BTreeMap<String, Expr> = BTreeMap::new();
    let mut named: Vec<(String, String)> = Vec::new();
    for (index, (expr, name)) in outputs.iter_mut().enumerate() {
        scope.resolve(expr)?;
        let hidden = free(&format!("output {index}"), &scope.schema);
        values.insert(hidden.clone(), expr.clone());
        named.push((hidden, name.clone()));
    }
    let mut by = Vec::new();
    for (index, (order, descending)) in orders.into_iter().enumerate() {
        let hidden = match order {
            Order::Output(at) => named.get(at).map(|(hidden, _)| hidden.clone()).unwrap_or_default(),
            Order::By(expr) => {
                let hidden = free(&format!("order {index}"), &scope.schema);
                values.insert(hidden.clone(), *expr);
                hidden
            }
        };
        by.push(format!("{hidden} {}", if descending { "desc" } else { "asc" }));
    }
    let grouped = Groups::read(&select, &scope, &outputs, &values)?;
    match grouped {
        Some(groups) => groups.steps(&values, &mut steps)?,
        None => steps.push(Step::Derive(values.iter().map(|(name, expr)| (name.clone(), written(expr))).collect())),
    }
    let hidden: Vec<String> = named.iter().map(|(hidden, _)| hidden.clone()).collect();
    match &select.distinct {
        None | Some(Distinct::All) => {}
        Some(Distinct::Distinct) if values.len() == hidden.len() => {
            steps.push(Step::Select(hidden.clone()));
            steps.push(Step::Deduplicate(Deduplicate {
                on: Columns(hidden.clone()),
                keep: Keep::First,
                order_by: Vec::new(),
            }));
        }
        Some(Distinct::Distinct) => {
            return Err(refused("ORDER BY by something that DISTINCT has taken away", "Order by a selected column"));
        }
        Some(Distinct::On(_)) => return Err(refused("DISTINCT ON", "Use a deduplicate step with order_by")),
    }
    let limit = limit(&query)?;
    if !by.is_empty() || limit.is_some() {
        steps.push(Step::Sort(Sort { by: Columns(by), desc: false, limit }));
    }
    steps.push(Step::Select(hidden));
    steps.push(Step::Rename(named.into_iter().collect()));
    Ok(steps)
}

fn parse(text: &str) -> Result<(Query, Select)> {
    let query = statement(text)?;
    let SetExpr::Select(select) = query.body.as_ref() else {
        return Err(refused(
            "UNION, VALUES or a nested query",
            "Write one SELECT; load the parts as datasets of their own",
        ));
    };
    // What is understood, put into an empty SELECT, must be all that was written.
    let mut known = statement("SELECT 1 FROM input")?;
    known.order_by.clone_from(&query.order_by);
    known.limit_clause.clone_from(&query.limit_clause);
    let mut plain = select.as_ref().clone();
    if let SetExpr::Select(blank) = known.body.as_mut() {
        blank.distinct.clone_from(&select.distinct);
        blank.projection.clone_from(&select.projection);
        blank.from.clone_from(&select.from);
        blank.selection.clone_from(&select.selection);
        blank.group_by.clone_from(&select.group_by);
        blank.having.clone_from(&select.having);
        plain = blank.as_ref().clone();
    }
    if known.to_string() != query.to_string() {
        return Err(refused(
            "a part beyond SELECT, FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY and LIMIT",
            "Use the other steps for the rest: window, pivot, deduplicate",
        ));
    }
    Ok((query, plain))
}

/// The selected expressions, as written, with their names.
fn outputs(select: &Select, scope: &Scope) -> Result<Vec<(Expr, String)>> {
    let mut outputs: Vec<(Expr, String)> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => outputs.push((expr.clone(), name(expr)?)),
            SelectItem::ExprWithAlias { expr, alias } => outputs.push((expr.clone(), alias.value.clone())),
            SelectItem::Wildcard(options) if options.to_string().is_empty() => outputs.extend(scope.all(None)?),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options)
                if options.to_string().is_empty() =>
            {
                outputs.extend(scope.all(Some(&table.to_string()))?);
            }
            _ => return Err(refused(&format!("'{item}'"), "Name the columns, or drop some in a drop step")),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some((_, twice)) = outputs.iter().find(|(_, name)| !seen.insert(name.clone())) {
        return Err(Error::spec(format!("column '{twice}' is selected twice")).hint("Give one of them a name with AS"));
    }
    Ok(outputs)
}

fn name(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Identifier(name) => Ok(name.value.clone()),
        Expr::CompoundIdentifier(parts) => Ok(parts.last().map(|last| last.value.clone()).unwrap_or_default()),
        _ => Err(Error::spec(format!("'{expr}' has no name")).hint(format!("Write {expr} AS name"))),
    }
}

enum Order {
    Output(usize),
    By(Box<Expr>),
}

fn orders(query: &Query, scope: &Scope, outputs: &[(Expr, String)]) -> Result<Vec<(Order, bool)>> {
    let Some(order_by) = &query.order_by else { return Ok(Vec::new()) };
    let OrderByKind::Expressions(exprs) = &order_by.kind else {
        return Err(refused("ORDER BY ALL", "Name the columns"));
    };
    let mut orders = Vec::new();
    for order in exprs {
        if order.options.nulls_first == Some(true) || order.with_fill.is_some() {
            return Err(refused("NULLS FIRST", "Nulls come last in either direction"));
        }
        let descending = match order.options.to_string().trim().trim_end_matches("NULLS LAST").trim() {
            "" | "ASC" => false,
            "DESC" => true,
            other => return Err(refused(&format!("ORDER BY ... {other}"), "Write ASC or DESC")),
        };
        let place = if let Some(at) = output(&order.expr, outputs) {
            Order::Output(at)
        } else if matches!(order.expr, Expr::Value(_)) {
            return Err(refused(
                &format!("ORDER BY {}", order.expr),
                "Order by a column, or by the number of an output",
            ));
        } else {
            let mut expr = order.expr.clone();
            scope.resolve(&mut expr)?;
            Order::By(Box::new(expr))
        };
        orders.push((place, descending));
    }
    Ok(orders)
}

fn limit(query: &Query) -> Result<Option<u64>> {
    match &query.limit_clause {
        None => Ok(None),
        Some(LimitClause::LimitOffset { limit, offset: None, limit_by }) if limit_by.is_empty() => {
            let Some(limit) = limit else { return Ok(None) };
            limit.to_string().parse().map(Some).map_err(|_| refused(&format!("LIMIT {limit}"), "Write a number"))
        }
        Some(_) => Err(refused("OFFSET", "Use row_number() of a window step and a filter")),
    }
}
