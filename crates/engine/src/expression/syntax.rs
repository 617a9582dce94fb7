//! Text to sqlparser's tree: one expression, of bounded size and depth.

use super::chains::few_operators;
use crate::errors::too_large;
use crate::walk;
use sqlparser::ast::{
    DataType as SqlType, ExactNumberInfo, Expr, Ident, Query, TimezoneInfo, Value, ValueWithSpan, VisitorMut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};
use std::ops::ControlFlow;
use windvane_core::error::{Error, Result};

use windvane_core::schema::DataType;

const MAX_CHARACTERS: usize = 100_000;
const MOST_WRITTEN: usize = 1 << 20;

pub(super) fn parse(text: &str) -> Result<Expr> {
    let parsed = read(text, SYNTAX, one)?;
    let stray = walk::find(&parsed, |expr| match expr {
        Expr::Identifier(name) if name.quote_style.is_none() && is_syntax(&name.value) => Some(name.value.clone()),
        _ => None,
    });
    match stray {
        None => Ok(parsed),
        Some(word) => Err(Error::spec(format!(
            "{} is not an expression: '{word}' stands where a column or a value should",
            shown(text)
        ))
        .hint(format!("A column of that name goes into double quotes: \"{word}\". {SYNTAX}"))),
    }
}

/// Whether a bare word is a part of SQL's own grammar. Words that columns are often called by (`end`, `order`, `user`,
/// `from`) are none of these: they are read as columns.
fn is_syntax(word: &str) -> bool {
    const WORDS: [&str; 21] = [
        "and",
        "or",
        "not",
        "in",
        "is",
        "like",
        "ilike",
        "between",
        "select",
        "where",
        "having",
        "union",
        "intersect",
        "except",
        "case",
        "when",
        "then",
        "else",
        "distinct",
        "join",
        "as",
    ];
    WORDS.contains(&word.to_ascii_lowercase().as_str())
}

fn one(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.parse_expr()
}

/// One query; whether it can be done is for the reader to say.
pub(crate) fn query(text: &str) -> Result<Query> {
    read(text, QUERY, |parser| parser.parse_query().map(|query| *query))
}

/// An expression as text that reads back to it, which the parser's own need not: it doubles a quote only where it stands alone,
/// and leaves all as they are that were doubled before.
pub(crate) fn written(expr: &Expr) -> String {
    struct Quotes;
    impl VisitorMut for Quotes {
        type Break = ();

        fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
            if let Value::SingleQuotedString(text) = &mut value.value {
                *text = text.replace('\'', "''");
            }
            ControlFlow::Continue(())
        }

        // Two signs in a row would begin a comment.
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::UnaryOp { expr: inner, .. } = expr
                && matches!(**inner, Expr::UnaryOp { .. })
            {
                **inner = Expr::Nested(inner.clone());
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_ident(&mut self, ident: &mut Ident) -> ControlFlow<()> {
            if ident.quote_style == Some('"') {
                ident.value = ident.value.replace('"', "\"\"");
            }
            ControlFlow::Continue(())
        }
    }
    let mut expr = expr.clone();
    walk::change(&mut expr, &mut Quotes);
    expr.to_string()
}

type Parse<T> = for<'a> fn(&mut Parser<'a>) -> Result<T, ParserError>;

fn read<T>(text: &str, syntax: &str, parse: Parse<T>) -> Result<T> {
    let (article, what) = if syntax == QUERY { ("a", "query") } else { ("an", "expression") };
    if text.trim().is_empty() {
        return Err(Error::spec(format!("the {what} is empty")).hint(match what {
            "query" => "Write one SELECT, such as \"SELECT id, amount FROM input\"",
            _ => "Write a SQL expression, such as \"amount > 0\"",
        }));
    }
    if text.len() > MAX_CHARACTERS {
        return Err(too_large(format!("an expression of {} characters is too long", text.len())));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| Error::spec(format!("{} is not an expression: {error}", shown(text))).hint(syntax))?;
    few_operators(&tokens)?;
    if tokens.iter().any(|token| matches!(token.token, Token::SemiColon)) {
        return Err(Error::unsupported(format!("several statements are not a single {what}"))
            .hint(format!("Write one {what} and no semicolon; text goes into single quotes")));
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let parsed = parse(&mut parser).map_err(|error| match error {
        ParserError::RecursionLimitExceeded => too_large("the expression is nested too deeply".to_owned()),
        ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => {
            Error::spec(format!("{} is not {article} {what}: {reason}", shown(text))).hint(syntax)
        }
    })?;
    let rest = parser.peek_token().token;
    if rest != Token::EOF {
        return Err(Error::spec(format!("{} goes on where it should end, at '{rest}'", shown(text))).hint(syntax));
    }
    Ok(parsed)
}

const QUERY: &str = "A query is one SELECT ... FROM input, with JOIN, WHERE, GROUP BY, HAVING, ORDER BY and LIMIT";

const SYNTAX: &str = "Expressions are SQL: text in single quotes, columns bare or in double quotes, \
                      operators + - * / % = <> < <= > >= AND OR NOT, for example: status = 'complete' AND amount > 0";

/// An expression in another language, whose operations may name an operand twice, and that one its own operands again.
pub(super) fn bounded(text: String) -> Result<String> {
    let fits = text.len() <= MOST_WRITTEN;
    if fits { Ok(text) } else { Err(too_large("the expression is too large in another language".to_owned())) }
}

/// The text in quotes, shortened.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("'{short}'")
}

/// SQL's type words, and our own.
pub(super) fn data_type(declared: &SqlType) -> Result<DataType> {
    Ok(match declared {
        SqlType::Boolean | SqlType::Bool => DataType::Boolean,
        SqlType::SmallInt(_) | SqlType::Int2(_) | SqlType::Int16 => DataType::Int16,
        SqlType::Int(_) | SqlType::Int4(_) | SqlType::Integer(_) | SqlType::Int32 => DataType::Int32,
        SqlType::BigInt(_) | SqlType::Int8(_) | SqlType::Int64 => DataType::Int64,
        SqlType::Real | SqlType::Float4 | SqlType::Float32 => DataType::Float32,
        SqlType::Float(_) | SqlType::Float8 | SqlType::Float64 | SqlType::Double(_) | SqlType::DoublePrecision => {
            DataType::Float64
        }
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => match info {
            ExactNumberInfo::PrecisionAndScale(precision, scale) => format!("decimal({precision},{scale})").parse()?,
            ExactNumberInfo::Precision(precision) => format!("decimal({precision},0)").parse()?,
            ExactNumberInfo::None => {
                return Err(Error::spec("a decimal needs its digits")
                    .hint("Write decimal(18,2): 18 digits, 2 behind the point"));
            }
        },
        SqlType::Text
        | SqlType::Varchar(None)
        | SqlType::CharVarying(None)
        | SqlType::CharacterVarying(None)
        | SqlType::String(_) => DataType::Text,
        SqlType::Bytea | SqlType::Blob(None) | SqlType::Binary(None) | SqlType::Varbinary(None) => DataType::Binary,
        SqlType::Date => DataType::Date,
        SqlType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => DataType::Time,
        SqlType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) | SqlType::Datetime(_) => {
            DataType::Timestamp
        }
        SqlType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => DataType::TimestampTz,
        SqlType::JSON | SqlType::JSONB => DataType::Json,
        SqlType::Uuid => DataType::Uuid,
        other => other.to_string().to_lowercase().parse()?,
    })
}
