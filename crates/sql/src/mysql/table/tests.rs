//! Defaults, comments and names, as the two servers tell them.

use super::*;

const MYSQL: Flavour = Flavour::Mysql { invisible: true, nopad: true };

/// MySQL says a constant without its quotes, and an expression without its brackets.
#[test]
fn a_default_stands_in_a_statement() {
    for (told, base, extra, mysql) in [
        ("it's \\", "varchar", "", "'it''s \\\\'"),
        ("5", "int", "", "'5'"),
        ("CURRENT_TIMESTAMP", "timestamp", "DEFAULT_GENERATED", "CURRENT_TIMESTAMP"),
        ("current_timestamp(6)", "datetime", "", "current_timestamp(6)"),
        ("b'101'", "bit", "", "b'101'"),
        ("uuid()", "varchar", "DEFAULT_GENERATED", "(uuid())"),
        ("(1 + 1)", "int", "default_generated on update x", "((1 + 1))"),
        ("null", "varchar", "", "'null'"),
    ] {
        assert_eq!(expression(MYSQL, told, base, extra).as_deref(), Some(mysql), "{told}");
    }
    for (told, mariadb) in
        [("'a'", Some("'a'")), ("NULL", None), ("nextval(`d`.`s`)", None), ("uuid()", Some("uuid()"))]
    {
        assert_eq!(expression(Flavour::Mariadb, told, "varchar", "").as_deref(), mariadb, "{told}");
    }
}

#[test]
fn a_comment_keeps_the_type_and_what_people_wrote() {
    for comment in [None, Some("of the till"), Some("it's")] {
        for data_type in [DataType::TimestampTz, DataType::Uuid] {
            let told = mark(data_type, comment);
            let inside = told
                .strip_prefix(" COMMENT '")
                .and_then(|told| told.strip_suffix('\''))
                .map(|told| told.replace("''", "'"));
            assert_eq!(unmarked(inside), (Some(data_type), comment.map(str::to_owned)));
        }
        assert_eq!(mark(DataType::Text, comment), comment.map(said).unwrap_or_default());
    }
    for own in ["windvane:", "windvane:nothing of ours", "of windvane:uuid"] {
        assert_eq!(unmarked(Some(own.to_owned())), (None, Some(own.to_owned())));
    }
}

#[test]
fn a_name_that_the_server_would_change_is_refused() {
    for name in ["", "a\0b", "a ", &"n".repeat(65), "smile 😀"] {
        let error = check_name(name, "column").unwrap_err();
        assert!(error.hint_text().is_some_and(|hint| hint.starts_with("Rename it")), "{name}");
    }
    for name in ["a", " a", "`", &"ü".repeat(64)] {
        assert!(check_name(name, "column").is_ok(), "{name}");
    }
}
