//! What each number of the server means: whether another try may help, and what to look at.

use super::*;

#[test]
fn a_number_says_what_to_do() {
    use Kind::{Auth, Conflict, Data, Missing, Throttled, Timeout, Unavailable, Unsupported};
    for (numbers, kind, words) in [
        (&[1045, 1698, 1862, 2061][..], Auth, "user and the password"),
        (&[1044, 1142, 1143, 1227, 1370], Auth, "owner to grant"),
        (&[1290, 1792, 1836], Auth, "read-only"),
        (&[1049], Missing, "database's name"),
        (&[1051, 1054, 1146], Missing, "discover the source again"),
        (&[1040, 1203, 1226], Unavailable, "max_connections"),
        (&[1205, 1213, 1020], Unavailable, "Another transaction"),
        (&[1021, 1114, 1041, 1037, 1038], Unavailable, "disk or memory is full"),
        (&[1053, 1152, 1158, 1159, 1160, 1161, 1927, 4031], Unavailable, "when the server is up"),
        (&[1317, 1969, 3024], Timeout, "stopped the statement"),
        (&[1153], Unsupported, "max_allowed_packet"),
        (&[1118, 1117, 1071, 1059, 1425, 1426], Unsupported, "limit of columns or sizes"),
        (&[1048, 1062, 1264, 1292, 1366, 1406, 1452, 1526, 3819, 4025], Data, "drop the constraint"),
        (&[1064], Conflict, "MySQL calls this error 1064 (SQLSTATE HY000)"),
    ] {
        for number in numbers {
            let error = said(*number, "HY000", "told");
            assert_eq!((error.kind(), error.message()), (kind, "told"), "{number}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains(words)), "{number}: {error}");
            assert_eq!(refuses_rows(&error), kind == Data, "{number}");
            assert_eq!(error.retryable(), matches!(kind, Unavailable | Timeout | Throttled), "{number}");
        }
    }
}

#[test]
fn a_number_that_is_not_known_is_judged_by_its_state() {
    for (state, kind) in [
        ("28000", Kind::Auth),
        ("08S01", Kind::Unavailable),
        ("22007", Kind::Data),
        ("23000", Kind::Data),
        ("0A000", Kind::Unsupported),
        ("42000", Kind::Conflict),
        ("4", Kind::Conflict),
        ("", Kind::Conflict),
    ] {
        let error = said(9999, state, "told");
        assert_eq!(error.kind(), kind, "{state}");
        assert!(error.hint_text().is_some_and(|hint| !hint.is_empty()), "{state}");
    }
}

/// The system's own number is behind many of the server's.
#[test]
fn a_full_disk_is_full_whatever_the_number_is() {
    let error = said(1030, "HY000", "Got error 28 \"No space left on device\" from storage engine");
    assert_eq!((error.kind(), error.hint_text()), (Kind::Unavailable, Some("The server's disk is full")));
}

#[test]
fn no_message_quotes_a_value() {
    for (told, kept) in [
        ("Duplicate entry 'a'b-secret' for key 'k'", "Duplicate entry for key 'k'"),
        (
            "Incorrect date value: 'secret' for column `d`.`t`.`c` at row 7",
            "Incorrect date value for column `d`.`t`.`c`",
        ),
        ("Incorrect integer value: 'at row secret' for column 'c' at row 12", "Incorrect integer value for column 'c'"),
        ("Table has no partition for value secret", "Table has no partition for the value"),
        ("Column 'c' cannot be null", "Column 'c' cannot be null"),
        ("Data too long for column 'c' at row x", "Data too long for column 'c' at row x"),
        ("value: '", "value: '"),
        ("' for key Duplicate entry '", "' for key Duplicate entry '"),
    ] {
        assert_eq!(said(1062, "23000", told).message(), kept);
    }
}

#[test]
fn the_column_of_a_message_is_found() {
    for (told, column) in [
        ("Column 'a b' cannot be null", Some("a b")),
        ("Out of range value for column 'n' at row 1", Some("n")),
        ("Incorrect date value for column `d`.`t`.`c`", Some("c")),
        ("Incorrect date value for column `d`.`t`.`c` at row 1", Some("c")),
        ("Column 'never closed", None),
        ("column count does not match", None),
        ("Duplicate entry for key 'k'", None),
    ] {
        assert_eq!(column_in(told).as_deref(), column, "{told}");
    }
}

#[test]
fn what_the_driver_itself_says_is_told_apart() {
    let of = |error: sqlx::Error| {
        let told = translate(&error);
        (told.kind(), told.hint_text().unwrap_or_default().to_owned())
    };
    let broken = of(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
    assert!(broken.0 == Kind::Unavailable && broken.1.contains("load id"));
    assert!(of(sqlx::Error::Tls("no".into())).1.contains("ssl-mode"));
    let (kind, hint) = of(sqlx::Error::Configuration("no".into()));
    assert!(kind == Kind::Spec && hint.contains("ssl-ca"));
    let (kind, hint) = of(sqlx::Error::Protocol("no".to_owned()));
    assert!(kind == Kind::Unavailable && hint.contains("not a proxy"));
    assert_eq!(of(sqlx::Error::RowNotFound).0, Kind::Internal);
}
