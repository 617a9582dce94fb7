//! What the records of a resource look like, and the tables they make.
//!
//! The names of columns are paths joined by `_`; the rule needs no memory, so that reading finds a column's value from
//! its name alone. Where two paths would make one name, the objects they go through stay JSON.

use super::body;
use super::cells::{POSITION, parent_name};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema};
use windvane_files::{Members, Seen};

/// Objects deeper than this stay JSON.
const MAX_DEPTH: usize = 8;

/// What was seen at one place of the records.
#[derive(Default)]
struct Node {
    seen: Seen,
    /// Scalars, or lists that hold anything but objects.
    plain: bool,
    empty_lists: bool,
    members: Vec<(String, Node)>,
    items: Option<Box<Node>>,
}

/// The shape of a resource's records.
#[derive(Default)]
pub(super) struct Shape {
    root: Node,
    pub(super) records: u64,
}

/// One table of a resource: its records, or the lists at one path inside them.
pub(super) struct Table {
    /// The members that lead to the list; empty: the records themselves.
    pub(super) path: Vec<String>,
    pub(super) fields: Schema,
    pub(super) key: Vec<String>,
}

impl Shape {
    pub(super) fn observe(&mut self, record: &RawValue) {
        self.records += 1;
        if body::is_object(record) {
            self.root.observe(record);
        }
    }

    /// The tables: `flat` without looking into objects and lists.
    pub(super) fn tables(&self, key: &[String], flat: bool) -> Result<Vec<Table>> {
        let mut tables = Vec::new();
        let columns = self.root.columns(flat, key.is_empty());
        let fields = Schema::new(columns.fields);
        for name in key.iter().filter(|_| self.records > 0) {
            if fields.field(name).is_none() {
                let known: Vec<&str> = fields.names().collect();
                return Err(Error::spec(format!("the records have no column '{name}', which `key` names"))
                    .hint(format!("They have: {}", known.join(", "))));
            }
        }
        let parent: Vec<Field> = key.iter().filter_map(|name| fields.field(name)).cloned().collect();
        let parent: Vec<Field> =
            parent.into_iter().map(|field| Field { name: parent_name(&field.name), ..field }).collect();
        tables.push(Table { path: Vec::new(), fields, key: key.to_vec() });
        for (path, items) in columns.lists {
            items.table(path, &parent, &mut tables)?;
        }
        Ok(tables)
    }
}

/// What a node's members become.
#[derive(Default)]
struct Columns<'a> {
    fields: Vec<Field>,
    lists: Vec<(Vec<String>, &'a Node)>,
}

impl Node {
    fn observe(&mut self, value: &RawValue) {
        match value.get().as_bytes().first() {
            Some(b'{') => {
                let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(value.get()) else { return };
                for (name, inner) in members {
                    let at = self.members.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                        self.members.push((name, Self::default()));
                        self.members.len() - 1
                    });
                    self.members[at].1.observe(inner);
                }
            }
            Some(b'[') => match body::items(value) {
                Ok(items) if items.is_empty() => self.empty_lists = true,
                Ok(items) if items.iter().all(|item| body::is_object(item)) => {
                    let list = self.items.get_or_insert_default();
                    for item in items {
                        list.observe(item);
                    }
                }
                Ok(_) | Err(_) => self.plain = true,
            },
            Some(b'n') | None => {}
            Some(_) => self.plain = true,
        }
        self.seen.observe(value);
    }

    fn is_object(&self) -> bool {
        !self.members.is_empty() && !self.plain && self.items.is_none() && !self.empty_lists
    }

    fn is_list(&self) -> bool {
        self.items.is_some() && !self.plain && self.members.is_empty()
    }

    /// The columns of an object's members. Names that would stand twice make the objects they come from JSON.
    fn columns(&self, flat: bool, lists_stay: bool) -> Columns<'_> {
        let mut whole: BTreeSet<&str> = BTreeSet::new();
        loop {
            let mut columns = Columns::default();
            let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
            for (name, member) in &self.members {
                let before = columns.fields.len();
                let open = !flat && !whole.contains(name.as_str());
                member.spread(std::slice::from_ref(name), open, lists_stay || flat, &mut columns);
                for field in &columns.fields[before..] {
                    owners.entry(field.name.clone()).or_default().insert(name);
                }
            }
            let mut names: Vec<&str> = columns.fields.iter().map(|field| field.name.as_str()).collect();
            names.sort_unstable();
            let twice: BTreeSet<&str> =
                names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            let closed = whole.len();
            let from_objects = twice.iter().filter_map(|name| owners.get(*name)).flatten().copied();
            whole.extend(from_objects.filter(|owner| !twice.contains(owner)));
            // A name that stands twice has at least one owner that is an object with another name.
            if whole.len() == closed {
                return columns;
            }
        }
    }

    /// One member: its own column, the columns of its members, or a list that becomes a table.
    fn spread<'a>(&'a self, path: &[String], open: bool, lists_stay: bool, columns: &mut Columns<'a>) {
        if open && self.is_object() && path.len() < MAX_DEPTH {
            for (name, member) in &self.members {
                let inner = [path, std::slice::from_ref(name)].concat();
                member.spread(&inner, open, lists_stay, columns);
            }
            return;
        }
        if open
            && !lists_stay
            && self.is_list()
            && let Some(items) = &self.items
        {
            columns.lists.push((path.to_vec(), items));
            return;
        }
        let (data_type, native) = self.seen.data_type();
        columns.fields.push(Field { native_type: Some(native.to_owned()), ..Field::new(path.join("_"), data_type) });
    }

    /// The table of a list's items, and those of the lists inside them.
    fn table(&self, path: Vec<String>, outer: &[Field], tables: &mut Vec<Table>) -> Result<()> {
        let columns = self.columns(false, false);
        let position = Field { nullable: false, ..Field::new(POSITION, DataType::Int64) };
        let mut fields: Vec<Field> = outer.to_vec();
        fields.push(position.clone());
        let key = fields.iter().map(|field| field.name.clone()).collect();
        if let Some(taken) = columns.fields.iter().find(|field| fields.iter().any(|known| known.name == field.name)) {
            return Err(Error::unsupported(format!(
                "the items of '{}' have a member '{}', which is how windvane calls a key",
                path.join("."),
                taken.name
            ))
            .hint("Keep the lists as JSON: nested: json"));
        }
        fields.extend(columns.fields);
        for (inner, items) in columns.lists {
            // The positions of outer lists are counted from the outside.
            let depth = outer.iter().filter(|field| field.name.starts_with(POSITION)).count() + 1;
            let mut outer = outer.to_vec();
            outer.push(Field { name: format!("{POSITION}_{depth}"), ..position.clone() });
            items.table([path.clone(), inner].concat(), &outer, tables)?;
        }
        tables.push(Table { path, fields: Schema::new(fields), key });
        Ok(())
    }
}
