//! URLs of connections, and the file that they name.

use super::*;

#[test]
fn a_url_names_a_file() {
    for (url, path) in [
        ("sqlite:///data/a.db", "/data/a.db"),
        ("sqlite:////data/a.db?mode=ro#x", "/data/a.db"),
        ("sqlite://data/a%20b.db", "/data/a b.db"),
    ] {
        assert_eq!(from_url("c", url).unwrap(), Path::new(path), "{url}");
    }
}

#[test]
fn another_url_is_refused_without_saying_it() {
    for url in [
        "postgres://u:secret@h/d",
        "sqlite://",
        "sqlite:///",
        "secret",
        "sqlite:///?x=secret",
        "sqlitex://u:secret@h/d",
    ] {
        let error = from_url("till", url).unwrap_err();
        assert!(error.message().contains("'till'") && !error.to_string().contains("secret"), "{url}");
    }
}

#[test]
fn exactly_one_of_path_and_connection_is_given() {
    let context = Context::default();
    for (path, connection) in [(None, None), (Some("a"), Some("b"))] {
        assert!(find(path, connection, &context).unwrap_err().message().contains("either"));
    }
}
