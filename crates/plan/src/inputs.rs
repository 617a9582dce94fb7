//! Everything a plan is made of.

use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::{Decision, ProposedChange};
use windvane_connect::compatibility::Compatibility;
use windvane_core::spec::Spec;
use windvane_know::discover::Catalog;
use windvane_know::profile::Profile;

/// Everything a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanInputs<'a> {
    pub spec: &'a Spec,
    pub spec_hash: &'a str,
    pub environment: Option<&'a str>,
    pub words: Option<&'a str>,
    pub catalog: &'a Catalog,
    pub profiles: &'a BTreeMap<String, Profile>,
    /// What agents propose for the outputs.
    pub suggestions: &'a [ProposedChange],
    /// What else agents have decided, for the record.
    pub told: &'a [Decision],
    /// Of outputs whose table is there: how their columns go into it.
    pub fitted: &'a BTreeMap<String, Compatibility>,
    /// Of outputs: columns that the last load has made text.
    pub texts: &'a BTreeMap<String, BTreeSet<String>>,
    /// Of inputs: columns that are read as the server's own text, see [`carried`].
    pub carried: &'a BTreeMap<String, BTreeSet<String>>,
}

impl<'a> PlanInputs<'a> {
    /// What a spec and its sources alone give: nothing proposed, and no look at the target.
    pub fn of(
        (spec, spec_hash, environment): (&'a Spec, &'a str, Option<&'a str>),
        catalog: &'a Catalog,
        profiles: &'a BTreeMap<String, Profile>,
    ) -> Self {
        static FITTED: BTreeMap<String, Compatibility> = BTreeMap::new();
        static COLUMNS: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let (suggestions, told, words): (&[ProposedChange], &[Decision], _) = (&[], &[], None);
        let (fitted, texts, carried) = (&FITTED, &COLUMNS, &COLUMNS);
        Self { spec, spec_hash, environment, words, catalog, profiles, suggestions, told, fitted, texts, carried }
    }
}
