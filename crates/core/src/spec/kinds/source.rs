//! What every kind of source says of itself.

use crate::schema::sql::Dialect;

/// What a kind of source is called and promises: asked before any is opened, so by plans and pages too.
#[derive(Debug)]
pub struct SourceKind {
    /// Its word in the spec.
    pub word: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Of a database whose tables have keys, indexes and defaults that a target can take over: whose words they are in.
    pub words: Option<Dialect>,
    /// Its tables' foreign keys can be taken over too.
    pub foreign_keys: bool,
    /// Its datasets are files below `path`.
    pub files: bool,
    /// Its tables are all in the one file at `path`.
    pub one_file: bool,
    /// It can give any column as its own text.
    pub own_text: bool,
    /// Its values may be of other types than their columns declare.
    pub loose: bool,
    /// A type that says nothing of the digits that its values have.
    pub unmeasured: Option<&'static str>,
    /// The engine need not know where its connection leads: somebody else opens it.
    pub opened_elsewhere: bool,
}

impl SourceKind {
    /// Promises nothing.
    pub const PLAIN: Self = Self {
        word: "",
        title: "",
        words: None,
        foreign_keys: false,
        files: false,
        one_file: false,
        own_text: false,
        loose: false,
        unmeasured: None,
        opened_elsewhere: false,
    };
}

/// What the settings of every kind of source can be asked.
pub trait SourceSettings {
    /// The id of the connection it needs.
    fn connection(&self) -> Option<&str>;

    /// The local path it reads, as written.
    fn path(&self) -> Option<&str> {
        None
    }

    /// Leaves what a large schema has beside one dataset, so that not all of it is listed again.
    fn narrow(&mut self, locator: &str);
}
