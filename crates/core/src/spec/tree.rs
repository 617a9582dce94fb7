//! A document as a tree of located values: YAML 1.2 (core schema) and JSON, which is a part of it.
//!
//! Stricter than YAML where being lenient would hide a mistake: duplicate keys, tags, several documents, merge keys,
//! numbers that would lose digits and plain numbers with leading zeros are problems. No recursion while reading.

use super::locate::{Mark, Problems};
use super::node::{Entry, Node, Value};
use super::path::{Segment, path_of, shorten};
use super::scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// How deep a document may nest.
const DEPTH: usize = 64;
/// How many nodes aliases may add to a document: far more than a person writes, far less than hurts.
const EXPANSION: usize = 10_000;

/// Reads one document. `None` when it cannot be read at all; the problems then say why. A tree may come with problems.
pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut builder = Builder {
        problems,
        frames: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        expanded: 0,
        end: Mark::behind(text),
    };
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(found) => found,
            Err(error) => {
                let mark = Mark::at(error.marker().line(), error.marker().col()).min(builder.end);
                let hint = "Look at the indentation, quotes, brackets and colons here and on the line before";
                builder.problem(mark, format!("this is not valid YAML: {}", error.info()), Some(hint));
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let hint = "Write one pipeline per file";
                builder.problem(mark_of(span), "a second document starts here".to_owned(), Some(hint));
                return None;
            }
        }
        builder.event(event, span)?;
    }
    let empty = match &builder.root {
        None => true,
        Some(root) => matches!(root.value, Value::Null { .. }),
    };
    if empty {
        builder.problem(Mark::at(1, 0), "the document is empty".to_owned(), Some("Start with 'pipeline: <name>'"));
        return None;
    }
    builder.root
}

/// A list or map that is still being read.
struct Frame {
    mark: Mark,
    anchor: usize,
    /// Of the part below this frame, for aliases.
    size: Size,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Mark)> },
}

#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    problems: &'a mut Problems,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, Size)>,
    expanded: usize,
    /// Where the text ends: the scanner counts a line more where that is in the middle of one.
    end: Mark,
}

impl Builder<'_> {
    /// `None`: reading on makes no sense.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let mark = mark_of(span).min(self.end);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Some(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), &["seq"], mark);
                self.open(mark, anchor, FrameKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), &["map"], mark);
                self.open(mark, anchor, FrameKind::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, tag) => {
                if self.key_is_next() {
                    self.key(text.into_owned(), style, mark);
                    return Some(());
                }
                let plain = style == ScalarStyle::Plain;
                let forced = tag.as_deref().is_some_and(|tag| tag.suffix == "str" || tag.suffix.is_empty());
                let value = if plain && !forced {
                    self.tag(tag.as_deref(), &["int", "float", "bool", "null"], mark);
                    self.plain(&text, mark)
                } else {
                    self.tag(tag.as_deref(), &["str", ""], mark);
                    Value::Text(text.into_owned())
                };
                self.put(Node { mark, value }, Size { nodes: 1, depth: 0 }, anchor);
                Some(())
            }
            Event::Alias(anchor) => self.alias(anchor, mark),
        }
    }

    fn open(&mut self, mark: Mark, anchor: usize, kind: FrameKind) -> Option<()> {
        if self.key_is_next() {
            self.problem(mark, "a key must be text, not a list or a map".to_owned(), None);
            return None;
        }
        if self.frames.len() >= DEPTH {
            self.problem(mark, format!("the document nests deeper than {DEPTH} levels"), None);
            return None;
        }
        self.frames.push(Frame { mark, anchor, size: Size { nodes: 1, depth: 0 }, kind });
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let frame = self.frames.pop()?;
        let value = match frame.kind {
            FrameKind::List(items) => Value::List(items),
            FrameKind::Map { entries, .. } => Value::Map(self.without_duplicates(entries)),
        };
        self.put(Node { mark: frame.mark, value }, frame.size, frame.anchor);
        Some(())
    }

    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut first: HashMap<String, Mark> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(earlier) = first.get(&entry.key) {
                let message = format!(
                    "key '{}' stands here a second time; the first is on line {}, column {}",
                    shorten(&entry.key),
                    earlier.line,
                    earlier.column
                );
                let mut path = self.path();
                path.push(Segment::Key(&entry.key));
                let path = path_of(&path);
                self.problems.add(entry.key_mark, path, message, Some("Delete one of them, or join them".to_owned()));
            } else {
                first.insert(entry.key.clone(), entry.key_mark);
                kept.push(entry);
            }
        }
        kept
    }

    fn key_is_next(&self) -> bool {
        self.frames.last().is_some_and(|frame| matches!(frame.kind, FrameKind::Map { key: None, .. }))
    }

    fn key(&mut self, text: String, style: ScalarStyle, mark: Mark) {
        let plain = style == ScalarStyle::Plain;
        if plain && text == "<<" {
            let hint = "Repeat the keys, or use 'environments' for what differs";
            self.problem(mark, "merge keys ('<<') are not part of a spec".to_owned(), Some(hint));
        } else if plain && text.is_empty() {
            self.problem(mark, "there is no key before this colon".to_owned(), None);
        }
        if let Some(Frame { kind: FrameKind::Map { key, .. }, .. }) = self.frames.last_mut() {
            *key = Some((text, mark));
        }
    }

    fn plain(&mut self, text: &str, mark: Mark) -> Value {
        match scalar::plain(text) {
            Ok(value) => value,
            Err(unfit) => {
                self.problem(mark, unfit.message, Some(&unfit.hint));
                // It has been reported: what it should have been is not asked a second time.
                self.problems.settle(mark);
                Value::Text(text.to_owned())
            }
        }
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Option<()> {
        if self.key_is_next() {
            self.problem(mark, "an alias cannot be a key".to_owned(), None);
            return None;
        }
        let Some((_, size)) = self.anchors.get(&anchor) else {
            self.problem(mark, "this alias stands inside the value that it names".to_owned(), None);
            return None;
        };
        let size = *size;
        self.expanded += size.nodes;
        if self.expanded > EXPANSION || self.frames.len() + size.depth > DEPTH {
            self.problem(mark, "the aliases of this document expand to too much".to_owned(), None);
            return None;
        }
        let node = self.anchors.get(&anchor).map(|(node, _)| node.clone())?;
        self.put(node, size, 0);
        Some(())
    }

    /// Puts a finished node where it belongs and remembers it when it has an anchor.
    fn put(&mut self, mut node: Node, size: Size, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.size.nodes += size.nodes;
        frame.size.depth = frame.size.depth.max(size.depth + 1);
        match &mut frame.kind {
            FrameKind::List(items) => items.push(node),
            FrameKind::Map { entries, key } => {
                if let Some((key, key_mark)) = key.take() {
                    // Nothing is written where an empty value would stand: its key is the place to look at.
                    if matches!(node.value, Value::Null { written: false }) {
                        node.mark = key_mark;
                    }
                    entries.push(Entry { key, key_mark, node });
                }
            }
        }
    }

    fn tag(&mut self, tag: Option<&saphyr_parser::Tag>, known: &[&str], mark: Mark) {
        let Some(tag) = tag else { return };
        let fits = known.contains(&tag.suffix.as_str()) && (tag.is_yaml_core_schema() || tag.suffix.is_empty());
        if !fits {
            let message = format!("tag '{}' has no meaning here", shorten(&tag.to_string()));
            self.problem(mark, message, Some("A spec needs no YAML tags: delete it"));
        }
    }

    fn path(&self) -> Vec<Segment<'_>> {
        let segments = self.frames.iter().filter_map(|frame| match &frame.kind {
            FrameKind::List(items) => Some(Segment::Index(items.len())),
            FrameKind::Map { key, .. } => key.as_ref().map(|(key, _)| Segment::Key(key)),
        });
        segments.collect()
    }

    fn problem(&mut self, mark: Mark, message: String, hint: Option<&str>) {
        let path = path_of(&self.path());
        self.problems.add(mark, path, message, hint.map(str::to_owned));
    }
}

fn mark_of(span: Span) -> Mark {
    Mark::at(span.start.line(), span.start.col())
}
