//! Versions as servers greet. Only MariaDB is there when the suite runs: what MySQL is told stands here alone.

use super::*;

#[test]
fn a_version_says_what_the_server_can() {
    for (version, invisible, nopad) in [
        ("8.4.0", true, true),
        ("8.0.36-0ubuntu0.22.04.1", true, true),
        ("8.0.23", true, true),
        ("8.0.22-commercial", false, true),
        ("8.0.17", false, true),
        ("8.0.16", false, false),
        ("5.7.44-log", false, false),
        ("9", true, true),
        ("", false, false),
    ] {
        let flavour = Flavour::of(version);
        assert_eq!(flavour, Flavour::Mysql { invisible, nopad }, "{version}");
        assert_eq!(flavour.hides_columns(), invisible, "{version}");
        let exact = flavour.exact();
        assert_eq!((exact.is_exact(), exact.counts_blanks()), (nopad, nopad), "{version}");
    }
}

#[test]
fn mariadb_is_known_by_its_name() {
    for version in ["5.5.5-10.11.6-MariaDB-log", "11.4.2-mariadb"] {
        let flavour = Flavour::of(version);
        assert!(flavour == Flavour::Mariadb && flavour.hides_columns());
        assert!(flavour.exact().is_exact() && flavour.exact().counts_blanks());
    }
}

/// One says it before a SELECT, the other inside.
#[test]
fn a_limit_of_time_stands_where_the_server_reads_it() {
    let select = |version: &str| {
        let (before, within) = Flavour::of(version).at_most_a_minute();
        format!("{before}SELECT{within} 1")
    };
    assert_eq!(select("8.0.36"), "SELECT /*+ MAX_EXECUTION_TIME(60000) */ 1");
    assert_eq!(select("10.11.6-MariaDB"), "SET STATEMENT max_statement_time = 60 FOR SELECT 1");
}
