//! What every kind of target says of itself.

use crate::schema::sql::Dialect;
use crate::spec::load::{Compression, Mode};

/// What a kind of target is called and promises: asked before any is opened, so by plans and pages too.
#[derive(Debug)]
pub struct TargetKind {
    /// Its word in the spec.
    pub word: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The modes in which it can load.
    pub modes: &'static [Mode],
    /// Of a database whose tables can take over keys, indexes and defaults: whose words they are in.
    pub words: Option<Dialect>,
    /// It makes foreign keys of ours.
    pub foreign_keys: bool,
    /// Its datasets are folders of files, of which each load knows its own.
    pub files: bool,
    /// Its datasets are tables: rows may carry the id of their load, and refused ones have a table of their own.
    pub tables: bool,
    /// Its tables are all in the one file at `path`.
    pub one_file: bool,
    /// Its files are text.
    pub text: bool,
    /// It runs steps as SQL.
    pub pushdown: bool,
    /// It gives back days outside of the years 1 to 9999.
    pub any_day: bool,
}

impl TargetKind {
    /// Loads in every mode, and promises nothing else.
    pub const PLAIN: Self = Self {
        word: "",
        title: "",
        modes: &[Mode::Replace, Mode::Append, Mode::Merge, Mode::History],
        words: None,
        foreign_keys: false,
        files: false,
        tables: false,
        one_file: false,
        text: false,
        pushdown: false,
        any_day: false,
    };
}

/// What the settings of every kind of target can be asked.
pub trait TargetSettings {
    /// The id of the connection it needs.
    fn connection(&self) -> Option<&str>;

    /// The local path it writes to, as written.
    fn path(&self) -> Option<&str> {
        None
    }

    fn mode(&self) -> Mode;

    /// Whether rows that windvane did not load may go.
    fn adopts(&self) -> bool;

    /// The column of appended tables that holds the id of a row's load.
    fn load_id(&self) -> Option<&str> {
        None
    }

    /// Of files.
    fn compression(&self) -> Option<Compression> {
        None
    }

    /// Of files: the columns whose values become folders.
    fn partition_by(&self) -> &[String] {
        &[]
    }
}
