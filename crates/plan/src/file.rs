//! The plan file: canonical bytes, a content address, and the refusal of a plan that no longer fits.

use super::decide::settled;
use super::plan_id::{ENGINE, content_id};
use crate::{Plan, SCHEMA};
use std::path::{Path, PathBuf};
use windvane_core::error::{Error, Kind, Place, Result};

/// The canonical text: keys in a fixed order, two spaces, a final newline. The same plan gives the same bytes.
pub fn text(plan: &Plan) -> Result<String> {
    let mut text = serde_json::to_string_pretty(plan).map_err(|error| Error::internal(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Reads a plan file and checks that nobody changed its content without giving it a new id.
pub fn read(path: &Path) -> Result<Plan> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::missing("the plan file cannot be read")
            .in_file(&name)
            .caused_by(&error)
            .hint("Write it with `windvane plan SPEC`")
    })?;
    parse(&name, &text)
}

/// Reads the text of a plan file.
pub fn parse(file: &str, text: &str) -> Result<Plan> {
    let rebuild = "Rebuild it with `windvane plan SPEC`, review the difference with `windvane diff`";
    if let Some(line) = merging(text) {
        let place = Place { file: Some(file.to_owned()), line: Some(line), ..Default::default() };
        return Err(Error::spec("the plan file holds the marks of a merge that is not finished").at(place).hint(
            "Take one side whole (`git checkout --ours FILE` or `--theirs FILE`), then run `windvane plan SPEC`: it keeps the \
             approvals of that side",
        ));
    }
    let plan: Plan = serde_json::from_str(text).map_err(|error| {
        let place = Place {
            file: Some(file.to_owned()),
            line: Some(error.line() as u64),
            column: Some(error.column() as u64),
            ..Default::default()
        };
        if Path::new(file).extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            let hint = "`windvane plan SPEC` writes the plan, `SPEC.plan.json` beside the spec: name that file";
            return Error::spec("this is a spec, not a plan file").in_file(file).hint(hint);
        }
        Error::spec(format!("not a plan file: {error}")).at(place).hint(rebuild)
    })?;
    if plan.schema != SCHEMA {
        return Err(Error::spec(format!("the file's schema is '{}', not '{SCHEMA}'", plan.schema))
            .in_file(file)
            .hint(rebuild));
    }
    if content_id(&plan)? != plan.id {
        let message = format!("the plan's content is not what its id {} stands for", plan.id);
        return Err(Error::spec(message)
            .in_file(file)
            .hint(format!("Change the spec rather than the plan. {rebuild}")));
    }
    // Decisions may be written by hand: they are done as `windvane approve` does them.
    settled(plan).map_err(|error| error.in_file(file))
}

/// The first line with a mark of git's.
fn merging(text: &str) -> Option<u64> {
    let mark = |line: &str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    (1..).zip(text.lines()).find(|(_, line)| mark(line)).map(|(number, _)| number)
}

/// The plan that a new one takes the place of, for the answers in it. One that cannot be read is an error where answers
/// would be lost with it.
pub fn replaced(path: &Path) -> Result<Option<Plan>> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return read(path).map(Some),
    };
    match parse(&path.display().to_string(), &text) {
        Ok(plan) => Ok(Some(plan)),
        Err(error) if merging(&text).is_some() => Err(error),
        Err(error) if text.contains("\"decided\"") => Err(error.hint(
            "It holds what people have approved or rejected, which a new plan would forget. Restore it from git, or delete it and \
             run `windvane plan SPEC`: all is asked anew",
        )),
        Err(_) => Ok(None),
    }
}

/// Refuses a plan that was built from another spec, for another environment or by another engine, and says the way out.
pub fn fits(plan: &Plan, spec_hash: &str, environment: Option<&str>) -> Result<()> {
    let refuse = |why: String| {
        Error::new(Kind::Conflict, format!("plan {} does not fit: {why}", plan.id))
            .hint("Run `windvane plan SPEC` and review the new plan with `windvane diff`, or delete the plan file")
    };
    if !same_engine(&plan.engine) {
        return Err(refuse(format!("it was built by windvane {}, this is {ENGINE}", plan.engine)));
    }
    if plan.environment.as_deref() != environment {
        let name =
            |environment: Option<&str>| environment.map_or("no environment".to_owned(), |name| format!("'{name}'"));
        return Err(refuse(format!(
            "it was built for {}, not {}",
            name(plan.environment.as_deref()),
            name(environment)
        )));
    }
    if plan.spec_hash != spec_hash {
        return Err(refuse("the spec has changed since it was built".to_owned()));
    }
    Ok(())
}

/// Versions that differ only in the patch number build and read the same plans.
fn same_engine(version: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    minor(version) == minor(ENGINE)
}

/// Where the plan of a spec is written: `orders.plan.json` beside `orders.windvane.yaml`, `orders.prod.plan.json` for an
/// environment.
pub fn beside(spec: &Path, environment: Option<&str>) -> PathBuf {
    let name = spec.file_name().unwrap_or_default().to_string_lossy();
    let stem = name
        .split_once(".windvane.")
        .map_or_else(|| name.rsplit_once('.').map_or(&*name, |(stem, _)| stem), |(stem, _)| stem);
    let environment = environment.map(|environment| format!(".{environment}")).unwrap_or_default();
    spec.with_file_name(format!("{stem}{environment}.plan.json"))
}

/// The plan file that stands beside a spec: of the environment, else the one without.
pub fn committed(spec: &Path, environment: Option<&str>) -> Option<PathBuf> {
    [beside(spec, environment), beside(spec, None)].into_iter().find(|path| path.is_file())
}

/// Writes the plan so that a reader sees the old file or the new one, never a part.
pub fn write(plan: &Plan, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Missing, "the plan file cannot be written")
            .in_file(path.display().to_string())
            .caused_by(&error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let part = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, text(plan)?).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
