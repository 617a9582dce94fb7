//! What an expression says by itself, before anybody knows the columns: syntax, functions and their arguments.
//!
//! What this refuses no columns could mend; what it lets pass may still not fit them (`bind`).

use super::signature::{AGGREGATES, arity, unknown};
use super::{aggregates, bind, call, syntax, window};
use crate::walk;
use sqlparser::ast::{Expr, Function, FunctionArguments, ObjectNamePart};
use windvane_core::error::Result;

/// Where an expression stands: it decides which functions may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Row,
    Measure,
    Window,
}

/// The columns that it names, in order; or the first mistake.
pub fn inspect(text: &str, standing: Standing) -> Result<Vec<String>> {
    let parsed = syntax::parse(text)?;
    let (mut columns, mut aggregates) = (Vec::new(), 0);
    let mistake = walk::find(&parsed, |expr| {
        let judged = match expr {
            Expr::Identifier(name) => {
                columns.push(name.value.clone());
                Ok(())
            }
            Expr::Function(call) => function(call, standing).map(|aggregate| aggregates += usize::from(aggregate)),
            other => shape(other, text),
        };
        judged.err()
    });
    if let Some(error) = mistake {
        return Err(error);
    }
    if standing == Standing::Measure && aggregates == 0 {
        return Err(aggregates::nothing(text));
    }
    Ok(columns)
}

/// Whether the call aggregates.
fn function(call: &Function, standing: Standing) -> Result<bool> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else {
        return Err(unknown(&call.name.to_string()));
    };
    let name = name.value.to_lowercase();
    call::plain(&name, call)?;
    let given = match &call.args {
        FunctionArguments::None => 0,
        FunctionArguments::Subquery(_) => return Err(bind::subquery(&name)),
        FunctionArguments::List(list) => list.args.len(),
    };
    if AGGREGATES.contains(&name.as_str()) {
        return match standing {
            Standing::Row => Err(aggregates::not_for_a_row(&name)),
            Standing::Measure | Standing::Window => arguments(&name, given, 1, 1).map(|()| true),
        };
    }
    if standing == Standing::Window
        && let Some((least, most)) = window::arity(&name)
    {
        return arguments(&name, given, least, most).map(|()| true);
    }
    let (least, most) = arity(&name).ok_or_else(|| unknown(&name))?;
    arguments(&name, given, least, most).map(|()| false)
}

fn arguments(name: &str, given: usize, least: usize, most: usize) -> Result<()> {
    call::count(name, given, least, most)
}

/// Whether something that is no call and no column can stand in an expression at all.
fn shape(expr: &Expr, text: &str) -> Result<()> {
    match expr {
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => Err(bind::subquery(text)),
        Expr::CompoundIdentifier(parts) => Err(bind::of_a_table(parts)),
        Expr::Cast { data_type, format: None, .. } => syntax::data_type(data_type).map(drop),
        Expr::TypedString(typed) => syntax::data_type(&typed.data_type).map(drop),
        Expr::BinaryOp { .. }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::UnaryOp { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::Case { .. }
        | Expr::Extract { .. }
        | Expr::Floor { .. }
        | Expr::Ceil { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. } => Ok(()),
        other => Err(call::not_here(other)),
    }
}
