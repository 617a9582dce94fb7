//! What of SQL may pass: one read-only statement over allowed tables, or one scalar expression over known columns.
//!
//! Fails closed: what is not known to be harmless is refused, and a text that does not parse is refused.

use sqlparser::ast::{Expr, ObjectName, Query, Select, SetExpr, Statement, TableFactor, Visitor};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use windvane_core::error::{Error, Result};
use windvane_engine::expression::few_operators;
use windvane_engine::walk;

const LONGEST: usize = 20_000;

/// Functions that compute from their arguments alone.
const FUNCTIONS: [&str; 62] = [
    "abs",
    "avg",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "date",
    "date_part",
    "date_trunc",
    "day",
    "ends_with",
    "exp",
    "extract",
    "floor",
    "greatest",
    "hour",
    "if",
    "ifnull",
    "initcap",
    "is_null",
    "least",
    "left",
    "length",
    "ln",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "md5",
    "min",
    "minute",
    "mod",
    "month",
    "nullif",
    "position",
    "power",
    "regexp_like",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "rpad",
    "rtrim",
    "second",
    "sign",
    "split_part",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "sum",
    "trim",
    "trunc",
    "upper",
    "year",
];

fn refused(why: impl Into<String>) -> Error {
    Error::spec(why.into())
}

/// One scalar expression: names only these columns, calls only harmless functions, holds no query.
pub fn expression(text: &str, columns: &BTreeSet<&str>) -> Result<()> {
    let mut parser = parser(text)?;
    let parsed = parser.parse_expr().map_err(|error| refused("it is not a SQL expression").caused_by(&error))?;
    if parser.peek_token().token != Token::EOF {
        return Err(refused("it is more than one SQL expression"));
    }
    let mut inspector = Inspector { columns: Some(columns), tables: BTreeSet::new() };
    judged(walk::expression(&parsed, &mut inspector))
}

/// One `SELECT` that reads these tables and nothing else.
pub fn statement(text: &str, tables: &BTreeSet<&str>) -> Result<()> {
    let mut parser = parser(text)?;
    let mut statements = parser.parse_statements().map_err(|error| refused("it is not SQL").caused_by(&error))?;
    let (Some(Statement::Query(query)), None) = (statements.pop(), statements.pop()) else {
        return Err(refused("it is not one single query"));
    };
    let mut query = query;
    let mut known: BTreeSet<String> = tables.iter().map(|table| table.to_lowercase()).collect();
    // A common table expression sees the allowed tables and the ones before it; a name must not hide a real table.
    if let Some(with) = query.with.take() {
        if with.recursive {
            return Err(refused("recursive queries are not allowed"));
        }
        for common in with.cte_tables {
            let mut inspector = Inspector { columns: None, tables: known.clone() };
            judged(walk::query(&common.query, &mut inspector))?;
            known.insert(common.alias.name.value.to_lowercase());
        }
    }
    judged(walk::query(&query, &mut Inspector { columns: None, tables: known }))
}

/// Of SQL that is not too large for any stack.
pub(crate) fn parser(text: &str) -> Result<Parser<'static>> {
    if text.len() > LONGEST {
        return Err(refused("it is longer than any sensible SQL"));
    }
    let tokens = Tokenizer::new(&GenericDialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| refused("it is not SQL").caused_by(&error))?;
    few_operators(&tokens)?;
    Ok(Parser::new(&GenericDialect).with_recursion_limit(50).with_tokens_with_locations(tokens))
}

fn judged(flow: ControlFlow<String>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(why) => Err(refused(why)),
    }
}

struct Inspector<'a> {
    /// Of an expression; a statement's columns are its tables' matter.
    columns: Option<&'a BTreeSet<&'a str>>,
    tables: BTreeSet<String>,
}

impl Visitor for Inspector<'_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        if self.columns.is_some() {
            return ControlFlow::Break("an expression must not hold a query".to_owned());
        }
        if query.with.is_some() {
            return ControlFlow::Break("a WITH inside of a query is not allowed".to_owned());
        }
        if !query.locks.is_empty() || !reads(&query.body) {
            return ControlFlow::Break("it does more than read".to_owned());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        let name = relation.to_string().replace(['"', '`', '[', ']'], "");
        if self.tables.contains(&name.to_lowercase()) {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!("the table '{name}' is not allowed"))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { args: None, .. } | TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break("it reads from something that is no table".to_owned()),
        }
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            _ => ControlFlow::Break("it does more than read".to_owned()),
        }
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<String> {
        match expression {
            Expr::Identifier(name) => match self.columns {
                Some(columns) if !columns.contains(name.value.as_str()) => {
                    ControlFlow::Break(format!("unknown column '{}'", name.value))
                }
                _ => ControlFlow::Continue(()),
            },
            Expr::CompoundIdentifier(_) if self.columns.is_some() => {
                ControlFlow::Break("a column must be named without its table".to_owned())
            }
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                if FUNCTIONS.contains(&name.as_str()) {
                    return ControlFlow::Continue(());
                }
                ControlFlow::Break(format!("the function '{name}' is not allowed"))
            }
            Expr::Exists { .. } | Expr::Subquery(_) | Expr::InSubquery { .. } if self.columns.is_some() => {
                ControlFlow::Break("an expression must not hold a query".to_owned())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a body is made of selects and values only, none of which writes its result somewhere.
fn reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => plain(select),
        SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => reads(left) && reads(right),
        _ => false,
    }
}

fn plain(select: &Select) -> bool {
    select.into.is_none()
}
