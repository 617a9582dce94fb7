//! GROUP BY and HAVING as an aggregate step: groups are derived first, what is selected is a measure or is derived after.

use super::from::Scope;
use super::words::{identifier, output, refused};
use crate::expression::written;
use crate::step::fresh_names::free;
use crate::walk;
use sqlparser::ast::{Expr, GroupByExpr, Select, VisitorMut};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use windvane_core::error::{Error, Result};
use windvane_core::spec::columns::Columns;
use windvane_core::spec::step::{Aggregate, Step};

pub(super) struct Groups {
    /// What is grouped by, and its hidden name.
    by: Vec<(Expr, String)>,
    having: Option<(Expr, String)>,
}

impl Groups {
    /// None when the query groups nothing.
    pub(super) fn read(
        select: &Select,
        scope: &Scope,
        outputs: &[(Expr, String)],
        values: &BTreeMap<String, Expr>,
    ) -> Result<Option<Self>> {
        let GroupByExpr::Expressions(exprs, modifiers) = &select.group_by else {
            return Err(refused("GROUP BY ALL", "Name the columns"));
        };
        if !modifiers.is_empty() {
            return Err(refused("ROLLUP and CUBE", "Group once"));
        }
        if exprs.is_empty() && select.having.is_none() && !values.values().any(aggregates) {
            return Ok(None);
        }
        let mut by = Vec::new();
        for (index, expr) in exprs.iter().enumerate() {
            if matches!(expr, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_)) {
                return Err(refused("ROLLUP and CUBE", "Group once"));
            }
            let mut resolved = expr.clone();
            let meant = match scope.resolve(&mut resolved) {
                // A number counts the selected expressions, a name that is no column names one.
                Ok(()) if !matches!(expr, Expr::Value(_)) => resolved,
                found => match output(expr, outputs).and_then(|at| outputs.get(at)) {
                    Some((expr, _)) => expr.clone(),
                    None => {
                        return Err(found
                            .err()
                            .unwrap_or_else(|| refused(&format!("GROUP BY {expr}"), "Group by a column")));
                    }
                },
            };
            by.push((meant, free(&format!("group {index}"), &scope.schema)));
        }
        let having = match &select.having {
            None => None,
            Some(condition) => {
                let mut condition = condition.clone();
                scope.resolve(&mut condition)?;
                Some((condition, free("having", &scope.schema)))
            }
        };
        Ok(Some(Self { by, having }))
    }

    pub(super) fn steps(&self, values: &BTreeMap<String, Expr>, steps: &mut Vec<Step>) -> Result<()> {
        if !self.by.is_empty() {
            let derived = self.by.iter().map(|(expr, name)| (name.clone(), written(expr)));
            steps.push(Step::Derive(derived.collect()));
        }
        let (mut measures, mut after) = (BTreeMap::new(), BTreeMap::new());
        let wanted = values.iter().map(|(name, expr)| (name.clone(), expr.clone()));
        for (name, mut expr) in wanted.chain(self.having.iter().map(|(expr, name)| (name.clone(), expr.clone()))) {
            let folds = aggregates(&expr);
            walk::change(&mut expr, &mut Replace { by: &self.by });
            self.only_groups(&expr, folds)?;
            if folds {
                measures.insert(name, written(&expr))
            } else {
                after.insert(name, written(&expr))
            };
        }
        let by = self.by.iter().map(|(_, name)| name.clone()).collect();
        if measures.is_empty() && self.by.is_empty() {
            return Err(refused("a HAVING that aggregates nothing", "Use WHERE"));
        }
        steps.push(Step::Aggregate(Aggregate { by: Columns(by), measures }));
        if !after.is_empty() {
            steps.push(Step::Derive(after));
        }
        if let Some((_, name)) = &self.having {
            steps.push(Step::Filter(written(&identifier(name))));
        }
        Ok(())
    }
}

impl Groups {
    /// Outside of aggregates there are only groups; inside a measure its own check says the same.
    fn only_groups(&self, expr: &Expr, folds: bool) -> Result<()> {
        let other = walk::find(expr, |inner| match inner {
            Expr::Identifier(name) if !folds && !self.by.iter().any(|(_, group)| *group == name.value) => {
                Some(name.value.clone())
            }
            _ => None,
        });
        match other {
            None => Ok(()),
            Some(name) => Err(Error::spec(format!("column '{name}' is neither grouped by nor aggregated"))
                .hint(format!("Add it to GROUP BY, or write max({name})"))),
        }
    }
}

/// Expressions that are grouped by become their groups.
struct Replace<'a> {
    by: &'a [(Expr, String)],
}

impl VisitorMut for Replace<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((_, name)) = self.by.iter().find(|(group, _)| group == expr) {
            *expr = identifier(name);
        }
        ControlFlow::Continue(())
    }
}

fn aggregates(expr: &Expr) -> bool {
    let aggregate = walk::find(expr, |inner| {
        let Expr::Function(call) = inner else { return None };
        let name = call.name.to_string().to_lowercase();
        ["count", "sum", "min", "max", "avg"].contains(&name.as_str()).then_some(())
    });
    aggregate.is_some()
}
