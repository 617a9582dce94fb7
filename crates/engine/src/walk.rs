//! Looking at, or changing, every part of a parsed SQL text.
//!
//! The parser's own walk is compiled over the whole grammar once for each kind of visitor, 60,000 lines for LLVM each
//! time: all visitors go through these two.

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Statement, TableFactor, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use std::ops::ControlFlow;

/// What a visitor may say when it stops.
type Flow = ControlFlow<String>;

/// Shows an expression and all that is in it. Only what [`Shown`] hands on reaches the visitor.
pub fn expression(expr: &Expr, visitor: &mut dyn Visitor<Break = String>) -> Flow {
    expr.visit(&mut Shown(visitor))
}

/// The same of a query.
pub fn query(query: &Query, visitor: &mut dyn Visitor<Break = String>) -> Flow {
    query.visit(&mut Shown(visitor))
}

/// What `look` finds first, in an expression and those inside it: outer ones before inner ones.
pub(crate) fn find<T>(expr: &Expr, mut look: impl FnMut(&Expr) -> Option<T>) -> Option<T> {
    let mut found = None;
    let _ = expression(
        expr,
        &mut Finder(&mut |inner| {
            found = look(inner);
            found.is_some()
        }),
    );
    found
}

/// Lets a visitor change an expression and all that is in it.
pub(crate) fn change(expr: &mut Expr, visitor: &mut dyn VisitorMut<Break = ()>) {
    let _ = VisitMut::visit(expr, &mut Changed(visitor));
}

struct Shown<'a>(&'a mut dyn Visitor<Break = String>);

impl Visitor for Shown<'_> {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Flow {
        self.0.pre_visit_statement(statement)
    }

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        self.0.pre_visit_query(query)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        self.0.pre_visit_relation(relation)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        self.0.pre_visit_table_factor(factor)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        self.0.pre_visit_expr(expr)
    }
}

struct Finder<'a>(&'a mut dyn FnMut(&Expr) -> bool);

impl Visitor for Finder<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        if (self.0)(expr) { ControlFlow::Break(String::new()) } else { ControlFlow::Continue(()) }
    }
}

struct Changed<'a>(&'a mut dyn VisitorMut<Break = ()>);

impl VisitorMut for Changed<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        self.0.pre_visit_value(value)
    }

    fn pre_visit_ident(&mut self, ident: &mut Ident) -> ControlFlow<()> {
        self.0.pre_visit_ident(ident)
    }
}
