//! Tables by their names: what a name of two parts says, which tables were meant, which one may have been.

use windvane_core::error::{Error, Result};

/// `home.table` as its parts, where the home may be left out; either in marks when it holds a dot.
pub fn parts(text: &str, mark: char) -> (Option<String>, String) {
    let mut home = None;
    let mut name = String::new();
    let mut marked = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == mark && marked && letters.next_if_eq(&mark).is_some() {
            name.push(mark);
        } else if letter == mark {
            marked = !marked;
        } else if letter == '.' && !marked && home.is_none() {
            home = Some(std::mem::take(&mut name));
        } else {
            name.push(letter);
        }
    }
    (home, name)
}

/// All tables at home, or those that were listed. `forms` are what a listed name may mean, the likelier one first.
pub fn choose<Name: Clone + PartialEq, Table: Clone>(
    all: Vec<(Name, Table)>,
    wanted: &[String],
    is_home: impl Fn(&Name) -> bool,
    forms: impl Fn(&str) -> [Name; 2],
    missing: impl Fn(&Name, &[(Name, Table)]) -> Error,
) -> Result<Vec<(Name, Table)>> {
    if wanted.is_empty() {
        return Ok(all.into_iter().filter(|(name, _)| is_home(name)).collect());
    }
    let mut chosen: Vec<(Name, Table)> = Vec::new();
    for wanted in wanted {
        let [likely, other] = forms(wanted);
        let of = |asked: &Name| all.iter().find(|(name, _)| name == asked);
        let found = of(&likely).or_else(|| of(&other)).ok_or_else(|| missing(&other, &all))?;
        if !chosen.iter().any(|(name, _)| *name == found.0) {
            chosen.push(found.clone());
        }
    }
    Ok(chosen)
}

/// The hint after a name that is not there.
pub fn did_you_mean<'a>(wanted: &str, all: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let near = all.map(|name| (strsim::jaro_winkler(wanted, name), name)).filter(|(likeness, _)| *likeness > 0.75);
    let nearest = near.max_by(|one, other| one.0.total_cmp(&other.0));
    nearest.map_or_else(|| otherwise.to_owned(), |(_, name)| format!("Did you mean '{name}'?"))
}
