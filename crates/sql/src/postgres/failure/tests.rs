//! What the server says beside its message finds its place.

use super::*;

#[test]
fn a_constraint_is_named_once() {
    let told = |message| {
        let said = Said { code: "23514", message, constraint: Some("positive"), ..Said::default() };
        from_server(&said).message().to_owned()
    };
    assert_eq!(told("refused"), "refused (constraint \"positive\")");
    assert_eq!(told("breaks \"positive\""), "breaks \"positive\"");
}

#[test]
fn the_table_is_named_with_its_schema_where_it_is_told() {
    let said = Said { code: "23502", message: "null", table: Some("orders"), column: Some("id"), ..Said::default() };
    let place = from_server(&said).place().clone();
    assert_eq!((place.table.as_deref(), place.path.as_deref()), (Some("orders"), Some("id")));
    let place = from_server(&Said { schema: Some("shop"), ..said }).place().clone();
    assert_eq!(place.table.as_deref(), Some("shop.orders"));
}

/// Ours where we have one, the server's otherwise, and never none.
#[test]
fn there_is_a_hint() {
    let hint = |code, hint| {
        let error = from_server(&Said { code, message: "m", hint, ..Said::default() });
        error.hint_text().unwrap_or_default().to_owned()
    };
    assert_eq!(hint("ZZ999", Some("Try harder")), "Try harder");
    assert_eq!(hint("ZZ999", None), "PostgreSQL calls this SQLSTATE ZZ999");
    assert!(hint("42501", Some("Try harder")).contains("grant"));
}

#[test]
fn what_the_driver_itself_says_is_told_apart() {
    let of = |error: sqlx::Error| {
        let told = translate(&error);
        (told.kind(), told.hint_text().unwrap_or_default().to_owned())
    };
    let (kind, hint) = of(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
    assert!(kind == Kind::Unavailable && hint.contains("load id"));
    let (kind, hint) = of(sqlx::Error::Configuration("no".into()));
    assert!(kind == Kind::Spec && hint.contains("sslmode"));
    let (kind, hint) = of(sqlx::Error::Protocol("no".to_owned()));
    assert!(kind == Kind::Unavailable && hint.contains("not a proxy"));
    assert_eq!(of(sqlx::Error::Protocol("no".to_owned())), (not_understood().kind(), hint));
    assert_eq!(of(sqlx::Error::RowNotFound).0, Kind::Internal);
    assert!(!refuses_a_row(&sqlx::Error::RowNotFound));
}
