//! Rows go from a file to a shelf and from there to another one, each load once, through [`Connection`].

use futures::StreamExt;
use serde_json::json;
use windvane_connectors::{Connection, Context, LoadRequest, LocalPaths, ReadRequest, Rows};
use windvane_core::error::{Error, Result};

fn source(settings: serde_json::Value) -> Result<Connection> {
    let source = serde_json::from_value(settings).map_err(|error| Error::internal("no source").caused_by(&error))?;
    Connection::open_source(&source, &context())
}

fn shelf(name: &str) -> Result<Connection> {
    let target = serde_json::from_value(json!({"toy": {"shelf": name}}));
    Connection::open_target(&target.map_err(|error| Error::internal("no target").caused_by(&error))?, &context())
}

fn context() -> Context {
    Context { local: LocalPaths::new(std::env::temp_dir(), Vec::new()), ..Context::default() }
}

/// Moves every row of a source's only dataset, and says how many were loaded and whether they had been before.
async fn moved(from: &Connection, to: &Connection, load_id: &str) -> Result<(u64, bool)> {
    let all = from.datasets().await?;
    let (_, found) = all.into_iter().next().ok_or_else(|| Error::missing("no dataset"))?;
    let schema = found.fields.clone();
    let request = ReadRequest::whole(found.locator, found.kind, found.format, found.fields);
    let rows = from.read(request).await?.map(|batch| batch.map(|batch| batch.rows)).boxed();
    let load = LoadRequest::whole("stones", schema, load_id);
    let loaded = to.load(load, Rows::flowing(rows)).await?;
    Ok((loaded.rows, loaded.already))
}

#[tokio::test]
async fn rows_go_from_shelf_to_shelf() -> Result<()> {
    let file = std::env::temp_dir().join(format!("stones-{}.csv", std::process::id()));
    let written = std::fs::write(&file, "id,name\n1,basalt\n2,granite\n3,slate\n");
    written.map_err(|error| Error::internal("no file").caused_by(&error))?;
    let files = source(json!({"csv": {"path": file.display().to_string()}}))?;
    assert_eq!(moved(&files, &shelf("one")?, "a").await?, (3, false));
    let _ = std::fs::remove_file(&file);
    let one = source(json!({"toy": {"shelf": "one"}}))?;
    assert_eq!(moved(&one, &shelf("two")?, "b").await?, (3, false));
    assert_eq!(moved(&one, &shelf("two")?, "b").await?, (3, true));
    let two = shelf("two")?;
    assert_eq!(two.target_state("stones").await?.rows, Some(3));
    let newest = two.latest_loads("stones", ("", "")).await?.newest.map(|known| known.load_id);
    assert_eq!(newest.as_deref(), Some("b"));
    let refused = two.compact("stones").await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("only files are compacted"), "{refused}");
    Ok(())
}
