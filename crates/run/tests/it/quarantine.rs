//! A row that was put aside comes back from its line, and a line that was changed by hand is told from others.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use windvane_connectors::Rejected;
use windvane_core::resilience::progress::Progress;
use windvane_run::extract::folder::{Place, RunAttempt};
use windvane_run::extract::mended::read;
use windvane_run::extract::quarantine::{Writer, lines};

/// A folder of this test's own, which goes with it.
struct Disk(PathBuf);

impl Disk {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("windvane-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The file of these rows, as `validate` puts them aside.
    fn written(&self, rows: &[(Rejected, Option<Map<String, Value>>)]) -> PathBuf {
        let place = Place { path: self.0.clone(), ..Place::default() };
        let folder = place.folder(self.0.clone(), &Progress::default()).of("run \"1\"", 2);
        let path = folder.file("orders", "quarantine.jsonl");
        let mut writer = Writer::create(&folder, &path, "validate", "orders");
        rows.iter().for_each(|(row, source)| writer.push_from(row, source.clone()).unwrap());
        let kept = writer.finish().unwrap();
        assert_eq!(kept.map(|(_, count)| count), (!rows.is_empty()).then_some(rows.len() as u64));
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![3 => "\\PC{0,8}|[\n\r\t\"\\\\]{0,3}".prop_map(Value::String), 1 => Just(Value::Null)];
    prop::collection::vec(("[a-c]{1,2}|é \"n\"", value), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn rejected() -> impl Strategy<Value = (Rejected, Option<Map<String, Value>>)> {
    let parts =
        (1_u64..1_000_000, prop::option::of("\\PC{0,5}"), "\\PC{0,20}|a\nb", record(), prop::option::of(record()));
    parts.prop_map(|(row, column, reason, record, source)| (Rejected { row, column, reason, record }, source))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lines_come_back_as_they_went(rows in prop::collection::vec(rejected(), 0..6)) {
        let disk = Disk::new("lines");
        let path = disk.written(&rows);
        if rows.is_empty() {
            prop_assert!(!path.exists());
            return Ok(());
        }
        let read_back: Vec<(u64, Value)> = lines(&path).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read_back.len(), rows.len());
        for ((at, line), (number, (row, source))) in read_back.iter().zip((1..).zip(&rows)) {
            prop_assert_eq!(*at, number);
            prop_assert_eq!((&line["row"], &line["reason"], &line["column"]), (&json!(row.row), &json!(row.reason), &json!(row.column)));
            prop_assert_eq!(&line["record"], &json!(row.record));
            prop_assert_eq!(line.get("source").cloned(), source.as_ref().map(|source| json!(source)));
            prop_assert_eq!((&line["stage"], &line["output"], &line["run"], &line["attempt"]), (&json!("validate"), &json!("orders"), &json!("run \"1\""), &json!(2)));
        }
    }

    /// A replay takes each source row once, under an id that a mended value does not change.
    #[test]
    fn a_mended_row_keeps_its_id(row in rejected(), source in record(), mended in "\\PC{0,8}") {
        let disk = Disk::new("mended");
        let path = disk.written(&[(row.0, Some(source.clone()))]);
        let known = read(&path).unwrap();
        prop_assert_eq!(&known.of.by, &RunAttempt { run: "run \"1\"".to_owned(), attempt: 2 });
        prop_assert_eq!(&known.rows[0].source, &source);
        let mut line: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        line["source"]["a"] = mended.clone().into();
        std::fs::write(&path, format!("{line}\n")).unwrap();
        let again = read(&path).unwrap();
        prop_assert_eq!((&again.rows[0].id, &again.rows[0].source["a"]), (&known.rows[0].id, &json!(mended)));
        // Mended in the wrong place: nothing would change.
        line["source"] = json!(source);
        line["record"]["new"] = "x".into();
        std::fs::write(&path, format!("{line}\n")).unwrap();
        prop_assert!(read(&path).unwrap_err().message().starts_with("`record` was changed"));
    }
}

#[test]
fn a_damaged_line_is_an_error_with_its_place() {
    let disk = Disk::new("damaged");
    let row = Rejected { row: 1, column: None, reason: "no".to_owned(), record: Map::new() };
    let path = disk.written(&[(row.clone(), None), (row, None)]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap();
    let read_back: Vec<_> = lines(&path).unwrap().collect();
    assert!(read_back[0].is_ok());
    let error = read_back[1].as_ref().unwrap_err();
    assert_eq!((error.message(), error.place().line), ("a line of the quarantine file is not JSON", Some(2)));
}
