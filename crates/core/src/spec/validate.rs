//! A tree against the rules: every mistake, each where it stands.

use super::hint::{did_you_mean, nearest};
use super::locate::{Mark, Problems};
use super::node::{Entry, Node, Value};
use super::path::{Segment, path_of, shorten};
use super::rules::{Extra, Rules, Shape, sort};

/// Checks the whole document.
pub(super) fn document(rules: &Rules, root: &Node, problems: &mut Problems) {
    let mut checking = Checking { rules, problems, path: Vec::new() };
    if let Some(shape) = rules.root() {
        checking.shape(shape, shape.accepts, root);
    }
}

struct Checking<'a, 'b> {
    rules: &'a Rules,
    problems: &'b mut Problems,
    path: Vec<Segment<'a>>,
}

impl<'a> Checking<'a, '_> {
    fn at(&mut self, index: usize, node: &'a Node) {
        if let Some(shape) = self.rules.shape(index) {
            self.shape(shape, self.rules.accepts(index), node);
        }
    }

    fn shape(&mut self, shape: &'a Shape, accepts: u8, node: &'a Node) {
        let found = sort_of(node);
        if matches!(node.value, Value::Null { written: false }) {
            self.without_value(shape, accepts, node);
            return;
        }
        if accepts & found != found {
            self.wrong_sort(shape, accepts, node);
            return;
        }
        // Alternatives are told apart by sort, so at most one takes the value.
        if shape.accepts & found != found {
            let taker = shape.others.iter().find(|other| self.rules.accepts(**other) & found == found);
            if let Some(taker) = taker {
                self.at(*taker, node);
            }
            return;
        }
        match &node.value {
            Value::Null { .. } | Value::Boolean(_) => {}
            Value::Number(number) => self.number(shape, node, number.as_f64().unwrap_or_default()),
            Value::Text(text) => self.text(shape, node, text),
            Value::List(items) => self.list(shape, node, items),
            Value::Map(entries) if shape.tagged.is_empty() => self.map(shape, node, entries),
            Value::Map(entries) => self.tagged(shape, node, entries),
        }
    }

    fn number(&mut self, shape: &Shape, node: &Node, number: f64) {
        if shape.minimum.is_some_and(|minimum| number < minimum)
            || shape.maximum.is_some_and(|maximum| number > maximum)
        {
            let limits = match (shape.minimum, shape.maximum) {
                (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
                (Some(minimum), None) => format!("of at least {minimum}"),
                (None, Some(maximum)) => format!("of at most {maximum}"),
                (None, None) => "of another size".to_owned(),
            };
            self.problem(node.mark, format!("expected a number {limits}"), shape.description.clone());
        }
    }

    fn text(&mut self, shape: &Shape, node: &Node, text: &str) {
        if !shape.words.is_empty() && !shape.words.iter().any(|word| word == text) {
            let words: Vec<&str> = shape.words.iter().map(String::as_str).collect();
            let hint = did_you_mean(text, &words, "values");
            self.problem(node.mark, format!("'{}' is not one of {}", shorten(text), words.join(", ")), Some(hint));
        }
        let length = text.chars().count();
        let short = shape.length_at_least.is_some_and(|least| length < least);
        if short || shape.length_at_most.is_some_and(|most| length > most) {
            let expected = match (shape.length_at_least, shape.length_at_most) {
                (Some(least), Some(most)) if least == most => format!("exactly {least}"),
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or_default()),
            };
            let message = format!("expected {expected} character(s), found {length}");
            self.problem(node.mark, message, shape.description.clone());
        }
        if shape.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            self.problem(node.mark, format!("'{}' is not valid here", shorten(text)), shape.description.clone());
        }
    }

    fn list(&mut self, shape: &Shape, node: &'a Node, items: &'a [Node]) {
        if shape.items_at_least.is_some_and(|least| items.len() < least) {
            let message = if items.is_empty() { "the list is empty".to_owned() } else { too_few(shape) };
            let hint = shape.description.clone().unwrap_or_else(|| "Add an entry".to_owned());
            self.problem(node.mark, message, Some(hint));
        }
        if let Some(most) = shape.items_at_most.filter(|most| items.len() > *most) {
            self.problem(node.mark, format!("the list has more than {most} entries"), shape.description.clone());
        }
        if let Some(inner) = shape.items {
            for (index, item) in items.iter().enumerate() {
                self.path.push(Segment::Index(index));
                self.at(inner, item);
                self.path.pop();
            }
        }
    }

    fn map(&mut self, shape: &'a Shape, node: &'a Node, entries: &'a [Entry]) {
        for entry in entries {
            self.path.push(Segment::Key(&entry.key));
            match (shape.properties.get(&entry.key), shape.extra) {
                (Some(inner), _) => self.at(*inner, &entry.node),
                (None, Extra::Each(inner)) => self.at(inner, &entry.node),
                (None, Extra::Free) => {}
                (None, Extra::Refused) => self.unknown(shape, entry),
            }
            self.path.pop();
        }
        for key in shape.required.iter().filter(|key| node.entry(key).is_none()) {
            let described = shape.properties.get(key).and_then(|index| self.rules.shape(*index)?.description.clone());
            self.problem(node.mark, format!("key '{key}' is missing"), described);
        }
    }

    fn unknown(&mut self, shape: &Shape, entry: &Entry) {
        let known: Vec<&str> = shape.properties.keys().map(String::as_str).collect();
        let hint = self.below(shape, &entry.key).unwrap_or_else(|| did_you_mean(&entry.key, &known, "keys"));
        self.problem(entry.key_mark, format!("unknown key '{}'", shorten(&entry.key)), Some(hint));
    }

    /// A key that stands one level too high: below which of its neighbours it belongs.
    fn below(&self, shape: &Shape, key: &str) -> Option<String> {
        shape.properties.iter().find_map(|(name, index)| {
            let outer = self.rules.shape(*index)?;
            let inside = std::iter::once(outer).chain(outer.others.iter().filter_map(|other| self.rules.shape(*other)));
            inside.into_iter().find_map(|inner| match inner.extra {
                Extra::Each(each) if self.rules.shape(each)?.properties.contains_key(key) => {
                    Some(format!("It belongs to one of the {name}: write {name}: {{NAME: {{{key}: …}}}}"))
                }
                Extra::Each(_) | Extra::Free | Extra::Refused => {
                    let belongs = inner.properties.contains_key(key);
                    belongs.then(|| format!("It belongs below {name}: write {name}: {{{key}: …}}"))
                }
            })
        })
    }

    /// A map with exactly one key, which says what the value is.
    fn tagged(&mut self, shape: &'a Shape, node: &'a Node, entries: &'a [Entry]) {
        let tags: Vec<&str> = shape.tagged.iter().map(|(tag, _)| tag.as_str()).collect();
        if entries.is_empty() {
            self.problem(node.mark, "the map is empty".to_owned(), Some(format!("Write one of {}", tags.join(", "))));
        }
        if let Some(named) = named_as_value(&tags, entries) {
            self.path.push(Segment::Key(&named.key));
            let message = format!("unknown word '{}'", shorten(&named.key));
            self.problem(named.key_mark, message, Some(self.as_key(shape, named, entries)));
            self.path.pop();
            return;
        }
        let mut first: Option<&str> = None;
        for entry in entries {
            let inner = shape.tagged.iter().find(|(tag, _)| *tag == entry.key).map(|(_, index)| *index);
            self.path.push(Segment::Key(&entry.key));
            match (inner, first) {
                (Some(inner), None) => self.at(inner, &entry.node),
                (Some(_), Some(first)) => {
                    let message = format!("'{}' beside '{first}': exactly one of them can stand here", entry.key);
                    self.problem(
                        entry.key_mark,
                        message,
                        Some(format!("Give each its own place, or delete '{first}'")),
                    );
                }
                (None, Some(first)) => self.beside(shape, first, entry),
                (None, None) => {
                    let hint = did_you_mean(&entry.key, &tags, "words");
                    let message = format!("unknown word '{}'", shorten(&entry.key));
                    self.problem(entry.key_mark, message, Some(hint));
                }
            }
            self.path.pop();
            if inner.is_some() {
                first.get_or_insert(&entry.key);
            }
        }
    }

    /// `source: {csv: {path: in}}`, where `source: {kind: csv, path: in}` was written.
    fn as_key(&self, shape: &Shape, named: &Entry, entries: &[Entry]) -> String {
        let word = shown(&named.node);
        let inner = shape.tagged.iter().find(|(tag, _)| *tag == word).map(|(_, index)| self.rules.accepts(*index));
        let value = if inner.is_some_and(|accepts| accepts & sort::MAP == sort::MAP) {
            let rest = entries.iter().filter(|entry| entry.key != named.key);
            let rest: Vec<String> = rest.map(|entry| format!("{}: {}", entry.key, shown(&entry.node))).collect();
            format!("{{{}}}", rest.join(", "))
        } else {
            "…".to_owned()
        };
        match self.path.iter().rev().nth(1) {
            Some(Segment::Key(key)) => format!("Write {key}: {{{word}: {value}}}"),
            Some(Segment::Index(_)) | None => format!("Write {word}: {value}"),
        }
    }

    /// A key at the level of the tag: most often it lacks indentation.
    fn beside(&mut self, shape: &Shape, tag: &str, entry: &Entry) {
        let inner = shape.tagged.iter().find(|(known, _)| known == tag).and_then(|(_, index)| self.rules.shape(*index));
        let belongs = inner.is_some_and(|inner| inner.properties.contains_key(&entry.key));
        let hint = if belongs { format!("Indent it so that it stands below '{tag}'") } else { "Delete it".to_owned() };
        let message = format!("key '{}' cannot stand beside '{tag}'", shorten(&entry.key));
        self.problem(entry.key_mark, message, Some(hint));
    }

    fn without_value(&mut self, shape: &Shape, accepts: u8, node: &Node) {
        let what = match self.path.last() {
            Some(Segment::Key(key)) => format!("key '{}' has no value", shorten(key)),
            Some(Segment::Index(_)) | None => "there is no value here".to_owned(),
        };
        let hint = if accepts & sort::NULL == sort::NULL {
            "Give it a value, or delete the key".to_owned()
        } else {
            format!("Expected {}", self.expected(shape, accepts))
        };
        self.problem(node.mark, what, Some(hint));
    }

    fn wrong_sort(&mut self, shape: &Shape, accepts: u8, node: &Node) {
        let expected = self.expected(shape, accepts);
        let found = match &node.value {
            Value::Null { .. } => "null",
            Value::Boolean(true) => "true",
            Value::Boolean(false) => "false",
            Value::Number(number) if number.is_f64() => "a number with a fraction",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let hint = self.right_form(shape, node).or_else(|| way_to(shape, accepts, node));
        let hint = hint.or_else(|| shape.description.clone());
        self.problem(node.mark, format!("expected {expected}, found {found}"), hint);
    }

    /// The value, where it is right but stands one level too high (`sort: [id]`) or too low (`select: {columns: [id]}`).
    fn right_form(&self, shape: &Shape, node: &Node) -> Option<String> {
        let Some(Segment::Key(key)) = self.path.last() else { return None };
        let found = sort_of(node);
        let takes = |name: &&String| {
            shape.properties.get(*name).is_some_and(|index| self.rules.accepts(*index) & found == found)
        };
        if let ([only], false) = (shape.required.as_slice(), matches!(node.value, Value::Map(_))) {
            // Of a list that holds more than words nobody knows what it means.
            let plain = match &node.value {
                Value::List(items) => items.iter().all(|item| !matches!(item.value, Value::Map(_) | Value::List(_))),
                Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => true,
            };
            return (plain && takes(&only)).then(|| format!("Write {key}: {{{only}: {}}}", shown(node)));
        }
        match node.entries() {
            // A list of names only: a map of texts says something of its own (`filter: {status: complete}`).
            [inner]
                if shape.properties.is_empty()
                    && matches!(inner.node.value, Value::List(_))
                    && shape.accepts & sort_of(&inner.node) == sort_of(&inner.node) =>
            {
                Some(format!("Write {key}: {}", shown(&inner.node)))
            }
            _ => None,
        }
    }

    fn expected(&self, shape: &Shape, accepts: u8) -> String {
        if !shape.tagged.is_empty() {
            let tags: Vec<&str> = shape.tagged.iter().map(|(tag, _)| tag.as_str()).collect();
            return format!("a map with one of {}", tags.join(", "));
        }
        if !shape.words.is_empty() {
            return format!("one of {}", shape.words.join(", "));
        }
        let [.., last] = shape.others.as_slice() else { return names(accepts & !sort::NULL) };
        let only_one = shape.others.iter().filter(|other| self.rules.accepts(**other) != sort::NULL).count() == 1;
        let first = shape.others.iter().find(|other| self.rules.accepts(**other) != sort::NULL).unwrap_or(last);
        match self.rules.shape(*first) {
            Some(inner) if only_one => self.expected(inner, self.rules.accepts(*first)),
            Some(_) | None => names(accepts & !sort::NULL),
        }
    }

    fn problem(&mut self, mark: Mark, message: String, hint: Option<String>) {
        self.problems.add(mark, path_of(&self.path), message, hint);
    }
}

/// The key whose value is the word that should be the key, where none is one.
fn named_as_value<'a>(tags: &[&str], entries: &'a [Entry]) -> Option<&'a Entry> {
    let is_tag = |word: &str| tags.contains(&word);
    let says = |entry: &&Entry| matches!(&entry.node.value, Value::Text(text) if is_tag(text));
    if entries.iter().any(|entry| is_tag(&entry.key)) { None } else { entries.iter().find(says) }
}

/// What to write instead of a value of the wrong sort.
fn way_to(shape: &Shape, accepts: u8, node: &Node) -> Option<String> {
    let wants = |sort: u8| accepts & sort == sort;
    match &node.value {
        Value::Text(text) if wants(sort::BOOLEAN) => {
            let word = text.to_lowercase();
            let guess = match word.as_str() {
                "yes" | "on" | "y" | "1" => Some("true"),
                "no" | "off" | "n" | "0" => Some("false"),
                _ => nearest(&word, ["true", "false"]),
            };
            guess.map(|guess| format!("Did you mean {guess}?"))
        }
        Value::Text(text) if wants(sort::INTEGER) && text.parse::<f64>().is_ok() => {
            Some("Delete the quotes: a number stands without them".to_owned())
        }
        Value::Text(text) if shape.tagged.iter().any(|(tag, _)| tag == text) => {
            Some(format!("Write its settings below it: '{text}: …'"))
        }
        Value::Text(text) if !shape.tagged.is_empty() => {
            let tags: Vec<&str> = shape.tagged.iter().map(|(tag, _)| tag.as_str()).collect();
            Some(did_you_mean(text, &tags, "words"))
        }
        Value::Boolean(_) | Value::Number(_) | Value::Null { .. } if wants(sort::TEXT) => {
            Some("Put it in quotes if it is text".to_owned())
        }
        Value::Text(_) | Value::Boolean(_) | Value::Number(_) if wants(sort::LIST) => {
            Some("Put it in brackets: a list has one entry or more".to_owned())
        }
        Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            None
        }
    }
}

/// A value in one line, as it would be written.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Text(text) => shorten(text),
        Value::Null { .. } | Value::Boolean(_) | Value::Number(_) | Value::Map(_) => node.to_json().to_string(),
    }
}

fn too_few(shape: &Shape) -> String {
    format!("the list has fewer than {} entries", shape.items_at_least.unwrap_or_default())
}

fn names(accepts: u8) -> String {
    let known = [
        (sort::BOOLEAN, "true or false"),
        (sort::NUMBER, "a number"),
        (sort::INTEGER, "a whole number"),
        (sort::TEXT, "text"),
        (sort::LIST, "a list"),
        (sort::MAP, "a map"),
    ];
    let mut left = accepts;
    let mut names = Vec::new();
    for (sort, name) in known {
        if left & sort == sort {
            names.push(name);
            left &= !sort;
        }
    }
    names.join(" or ")
}

fn sort_of(node: &Node) -> u8 {
    match &node.value {
        Value::Null { .. } => sort::NULL,
        Value::Boolean(_) => sort::BOOLEAN,
        Value::Number(number) if number.is_f64() => sort::NUMBER,
        Value::Number(_) => sort::INTEGER,
        Value::Text(_) => sort::TEXT,
        Value::List(_) => sort::LIST,
        Value::Map(_) => sort::MAP,
    }
}
