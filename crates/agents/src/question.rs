//! What the planner is asked: the datasets that are loaded, and all that is known of them.

use std::collections::BTreeMap;
use windvane_core::schema::Schema;
use windvane_core::spec::Spec;
use windvane_core::spec::check::Check;
use windvane_core::spec::step::{Parse, Step};
use windvane_know::discover::{self, Catalog, Dataset};
use windvane_know::profile::Profile;
use windvane_know::profile::semantic::words as name_words;

pub(super) const AGENT: &str = "planner";

pub(super) const QUESTION: &str = "which steps and checks does the dataset need?";

/// How texts are read that were read as days or times before: by output, a column each.
pub type Readings = BTreeMap<String, Vec<Parse>>;

#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub spec: &'a Spec,
    pub catalog: &'a Catalog,
    /// By dataset name.
    pub profiles: &'a BTreeMap<String, Profile>,
    /// Words given beside the spec's `intent`.
    pub words: Option<&'a str>,
    /// How texts are read that earlier loads have read as days or times.
    pub readings: Option<&'a Readings>,
}

/// A loaded dataset and all that is known of it.
pub(super) struct Loaded<'a> {
    pub(super) output: String,
    pub(super) dataset: &'a Dataset,
    pub(super) profile: Option<&'a Profile>,
    /// The columns as they are read: of text the profile's types.
    pub(super) schema: Schema,
    /// The user's own steps and checks, as text: what they mention is theirs to decide.
    written: String,
    pub(super) joined: bool,
    pub(super) steps: Vec<&'a Step>,
    pub(super) checks: Vec<&'a Check>,
}

impl<'a> Question<'a> {
    /// What the user said, as it is.
    pub(super) fn texts(&self) -> Vec<&'a str> {
        let same = self.words == self.spec.intent.as_deref();
        [self.spec.intent.as_deref(), self.words.filter(|_| !same)].into_iter().flatten().collect()
    }

    /// The outputs, as `plan` will have them.
    pub(super) fn loaded(&self) -> Vec<Loaded<'a>> {
        let outputs = discover::outputs(self.spec, self.catalog);
        outputs.into_iter().map(|(name, dataset)| self.known(&name, dataset)).collect()
    }

    fn known(&self, output: &str, dataset: &'a Dataset) -> Loaded<'a> {
        let settings = self.spec.datasets.get(output);
        let steps = self.spec.steps.iter().chain(settings.into_iter().flat_map(|settings| &settings.steps));
        let checks = self.spec.checks.iter().chain(settings.into_iter().flat_map(|settings| &settings.checks));
        let (steps, checks): (Vec<&Step>, Vec<&Check>) = (steps.collect(), checks.collect());
        let joined = steps.iter().any(|step| step.form().other_rows);
        let written =
            [serde_json::to_string(&steps).unwrap_or_default(), serde_json::to_string(&checks).unwrap_or_default()];
        let profile = self.profiles.get(&dataset.name);
        let mut schema = dataset.schema().clone();
        for field in &mut schema.fields {
            let figures = profile.and_then(|profile| profile.columns.iter().find(|column| column.name == field.name));
            field.data_type = figures.map_or(field.data_type, |figures| figures.data_type);
        }
        Loaded { output: output.to_owned(), dataset, profile, schema, written: written.concat(), joined, steps, checks }
    }
}

impl Loaded<'_> {
    pub(super) fn mentions(&self, column: &str) -> bool {
        let column = column.to_lowercase();
        let inside = |character: char| character.is_alphanumeric() || character == '_';
        let plain = column.chars().all(inside);
        let written = self.written.to_lowercase();
        if plain {
            written.split(|letter| !inside(letter)).any(|word| word == column)
        } else {
            written.contains(&column)
        }
    }

    /// The last word of the name, singular: `shop.orders` is about an order.
    pub(super) fn noun(&self) -> String {
        name_words(&self.dataset.name).last().map(|word| crate::name_similarity::singular(word)).unwrap_or_default()
    }
}
