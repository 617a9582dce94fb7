//! What a schema cannot say: rules between keys, dates, patterns, paths, secrets, names of other datasets.
//!
//! They look at the tree, not at the typed spec, so that they also find what is wrong in a document that breaks the
//! schema elsewhere. A value of the wrong sort is none of their business: `validate` has reported it.

mod feedback;
mod ground;
mod judge;
mod kept;
mod names;
mod sources_and_targets;
mod steps_and_checks;
mod times;
mod words;

pub(super) use ground::Ground;
pub(super) use sources_and_targets::normal;

use super::locate::Problems;
use super::node::Node;
use super::target::Target;
use judge::Judge;

pub(super) fn document(root: &Node, ground: &Ground, problems: &mut Problems) {
    let mut judge = Judge { problems, ground, path: Vec::new() };
    sources_and_targets::document(&mut judge, root);
    feedback::document(&mut judge, root);
    kept::document(&mut judge, root);
    times::document(&mut judge, root);
    names::document(&mut judge, root);
    words::document(&mut judge, root);
    judge.key(root, "quarantine", |judge, quarantine| {
        let target = root.get("target").and_then(|target| target.entries().first());
        let files = target.filter(|target| Target::called(&target.key).is_none_or(|kind| !kind.tables));
        if let Some((entry, target)) = quarantine.entry("table").zip(files) {
            let message = format!("a target of {} keeps no quarantine table", target.key);
            judge.unsupported(
                entry.key_mark,
                message,
                "Leave it out: quarantined rows are JSON lines in the staging folder, whose paths the receipt names",
            );
        }
    });
    judge.key(root, "errors", |judge, errors| {
        let said = root.get("guard").and_then(|guard| guard.entry("quarantined"));
        if let Some((entry, _)) = errors.entry("max_quarantined").zip(said) {
            let message = "'errors.max_quarantined' and 'guard.quarantined' say the same twice";
            judge.problem_at(entry, message, "Keep 'guard: {quarantined: …}' and delete the older word");
        }
    });
    judge.key(root, "steps", |judge, steps| judge.each(steps, steps_and_checks::step));
    judge.key(root, "checks", |judge, checks| judge.each(checks, steps_and_checks::check));
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| {
            judge.key(&dataset.node, "steps", |judge, steps| judge.each(steps, steps_and_checks::step));
            judge.key(&dataset.node, "checks", |judge, checks| judge.each(checks, steps_and_checks::check));
        });
    });
}
