//! The search path among a session's options.

use super::*;

#[test]
fn the_last_search_path_that_is_said_counts() {
    for (options, path) in [
        ("-c search_path=a,b", Some("a,b")),
        ("-csearch_path=a", Some("a")),
        ("--search_path=a", Some("a")),
        ("-c statement_timeout=5 -c search_path=a\\ b,c", Some("a b,c")),
        ("-c search_path=a -c search_path=b", Some("b")),
        ("search_path=a", None),
        ("-c", None),
        ("", None),
        ("x -c work_mem=1", None),
    ] {
        assert_eq!(said_path(options).as_deref(), path, "{options}");
    }
}

#[test]
fn schemas_are_folded_unless_they_stand_in_quotes() {
    assert_eq!(schemas("\"$user\", Public, \"My \"\"own\"\"\" ,,$user,b"), ["public", "My \"own\"", "b"]);
    assert!(schemas("").is_empty());
}
