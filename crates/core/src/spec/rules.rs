//! The JSON Schema of the spec, made ready for checking: what schemars emits for our types, and nothing else.
//!
//! A keyword that is not understood here is an error, so that a constraint written on a type is never ignored.

use crate::error::{Error, Result};
use regex::Regex;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// What a value may be. Bits of `Shape::accepts`.
pub(super) mod sort {
    pub(in crate::spec) const NULL: u8 = 1;
    pub(in crate::spec) const BOOLEAN: u8 = 2;
    pub(in crate::spec) const INTEGER: u8 = 4;
    /// Every number, so `INTEGER` too.
    pub(in crate::spec) const NUMBER: u8 = 12;
    pub(in crate::spec) const TEXT: u8 = 16;
    pub(in crate::spec) const LIST: u8 = 32;
    pub(in crate::spec) const MAP: u8 = 64;
    pub(in crate::spec) const ANY: u8 = 127;
}

/// Keys that a map may have beside its properties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Extra {
    #[default]
    Free,
    Refused,
    Each(usize),
}

/// One schema: what a value there may be. Other shapes are named by their index.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) accepts: u8,
    pub(super) description: Option<String>,
    pub(super) properties: BTreeMap<String, usize>,
    pub(super) required: Vec<String>,
    pub(super) extra: Extra,
    pub(super) items: Option<usize>,
    pub(super) items_at_least: Option<usize>,
    pub(super) items_at_most: Option<usize>,
    /// The only texts allowed (unless one of `others` takes the value).
    pub(super) words: Vec<String>,
    /// Maps of exactly one of these keys: an externally tagged enum.
    pub(super) tagged: Vec<(String, usize)>,
    /// Alternatives that are told apart by the sort of the value.
    pub(super) others: Vec<usize>,
    pub(super) pattern: Option<Regex>,
    pub(super) length_at_least: Option<usize>,
    pub(super) length_at_most: Option<usize>,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Rules {
    shapes: Vec<Shape>,
    root: usize,
}

/// The rules of the spec: made once a process.
pub(super) fn of_spec() -> Result<&'static Rules> {
    static RULES: OnceLock<Result<Rules>> = OnceLock::new();
    let made = RULES.get_or_init(|| Rules::new(&super::schema::generated()?));
    made.as_ref().map_err(Clone::clone)
}

impl Rules {
    fn new(schema: &Json) -> Result<Self> {
        let empty = Map::new();
        let definitions = schema.get("$defs").and_then(Json::as_object).unwrap_or(&empty);
        let mut making = Making { shapes: Vec::new(), definitions, known: HashMap::new() };
        let root = making.shape(schema)?;
        Ok(Self { shapes: making.shapes, root })
    }

    pub(super) fn root(&self) -> Option<&Shape> {
        self.shape(self.root)
    }

    pub(super) fn shape(&self, index: usize) -> Option<&Shape> {
        self.shapes.get(index)
    }

    /// What a value of this shape may be, alternatives included.
    pub(super) fn accepts(&self, index: usize) -> u8 {
        self.shape(index)
            .map_or(sort::ANY, |shape| shape.others.iter().fold(shape.accepts, |all, other| all | self.accepts(*other)))
    }
}

struct Making<'a> {
    shapes: Vec<Shape>,
    definitions: &'a Map<String, Json>,
    known: HashMap<&'a str, usize>,
}

impl<'a> Making<'a> {
    fn shape(&mut self, schema: &'a Json) -> Result<usize> {
        if let Some(reference) = schema.get("$ref") {
            return self.definition(reference);
        }
        let index = self.reserve();
        let mut shape = Shape { accepts: sort::ANY, ..Shape::default() };
        match schema {
            Json::Object(keywords) => {
                for (keyword, value) in keywords {
                    self.keyword(&mut shape, keyword, value)?;
                }
            }
            Json::Bool(true) => {}
            Json::Bool(false) | Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                return Err(unknown(schema));
            }
        }
        self.put(index, shape);
        Ok(index)
    }

    fn reserve(&mut self) -> usize {
        self.shapes.push(Shape::default());
        self.shapes.len() - 1
    }

    fn put(&mut self, index: usize, shape: Shape) {
        if let Some(slot) = self.shapes.get_mut(index) {
            *slot = shape;
        }
    }

    fn definition(&mut self, reference: &'a Json) -> Result<usize> {
        let name =
            reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).ok_or_else(|| unknown(reference))?;
        if let Some(index) = self.known.get(name) {
            return Ok(*index);
        }
        let index = self.shape(self.definitions.get(name).ok_or_else(|| unknown(reference))?)?;
        self.known.insert(name, index);
        Ok(index)
    }

    fn keyword(&mut self, shape: &mut Shape, keyword: &str, value: &'a Json) -> Result<()> {
        match keyword {
            "$schema" | "$id" | "$defs" | "title" | "default" | "examples" => {}
            "description" => shape.description = value.as_str().map(first_sentence),
            "type" => shape.accepts = sorts(value)?,
            "format" => limits_of(shape, value)?,
            "properties" => {
                for (key, schema) in value.as_object().ok_or_else(|| unknown(value))? {
                    let index = self.shape(schema)?;
                    shape.properties.insert(key.clone(), index);
                }
            }
            "required" => shape.required = texts(value)?,
            "additionalProperties" => {
                shape.extra = match value {
                    Json::Bool(false) => Extra::Refused,
                    Json::Bool(true) => Extra::Free,
                    schema => Extra::Each(self.shape(schema)?),
                }
            }
            "items" => shape.items = Some(self.shape(value)?),
            "minItems" => shape.items_at_least = Some(count(value)?),
            "maxItems" => shape.items_at_most = Some(count(value)?),
            "minLength" => shape.length_at_least = Some(count(value)?),
            "maxLength" => shape.length_at_most = Some(count(value)?),
            "minimum" => shape.minimum = Some(value.as_f64().ok_or_else(|| unknown(value))?),
            "maximum" => shape.maximum = Some(value.as_f64().ok_or_else(|| unknown(value))?),
            "pattern" => {
                let pattern = value.as_str().ok_or_else(|| unknown(value))?;
                shape.pattern = Some(Regex::new(pattern).map_err(|error| unknown(value).caused_by(&error))?);
            }
            "const" => shape.words.push(value.as_str().ok_or_else(|| unknown(value))?.to_owned()),
            "enum" => shape.words.extend(texts(value)?),
            "oneOf" | "anyOf" => {
                shape.accepts = 0;
                for alternative in value.as_array().ok_or_else(|| unknown(value))? {
                    self.alternative(shape, alternative)?;
                }
            }
            other => return Err(unknown(value).at_path(other)),
        }
        Ok(())
    }

    /// A word, a tag, null, or a shape of another sort.
    fn alternative(&mut self, shape: &mut Shape, schema: &'a Json) -> Result<()> {
        if let Some(word) = schema.get("const").and_then(Json::as_str) {
            shape.words.push(word.to_owned());
            shape.accepts |= sort::TEXT;
        } else if let Some(words) = schema.get("enum") {
            shape.words.extend(texts(words)?);
            shape.accepts |= sort::TEXT;
        } else if let Some((tag, inner)) = tag_of(schema) {
            let index = self.shape(inner)?;
            shape.tagged.push((tag.to_owned(), index));
            shape.accepts |= sort::MAP;
        } else {
            let index = self.shape(schema)?;
            shape.others.push(index);
        }
        Ok(())
    }
}

/// Of `{type: object, properties: {tag: inner}, required: [tag], additionalProperties: false}`.
fn tag_of(schema: &Json) -> Option<(&str, &Json)> {
    let properties = schema.get("properties")?.as_object()?;
    let closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
    let required = schema.get("required")?.as_array()?.len() == 1;
    let (tag, inner) = properties.iter().next()?;
    (properties.len() == 1 && closed && required).then_some((tag, inner))
}

fn sorts(value: &Json) -> Result<u8> {
    let names = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    names.iter().try_fold(0, |all, name| {
        let sort = match name.as_str() {
            Some("null") => sort::NULL,
            Some("boolean") => sort::BOOLEAN,
            Some("integer") => sort::INTEGER,
            Some("number") => sort::NUMBER,
            Some("string") => sort::TEXT,
            Some("array") => sort::LIST,
            Some("object") => sort::MAP,
            _ => return Err(unknown(name)),
        };
        Ok(all | sort)
    })
}

fn limits_of(shape: &mut Shape, format: &Json) -> Result<()> {
    match format.as_str() {
        Some("uint32") => shape.maximum = Some(shape.maximum.unwrap_or(f64::from(u32::MAX))),
        // A number that the tree can hold fits these.
        Some("uint64" | "double") => {}
        _ => return Err(unknown(format)),
    }
    Ok(())
}

fn texts(value: &Json) -> Result<Vec<String>> {
    let items = value.as_array().ok_or_else(|| unknown(value))?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| unknown(item))).collect()
}

fn count(value: &Json) -> Result<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or_else(|| unknown(value))
}

fn first_sentence(description: &str) -> String {
    let line = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    line.trim_end_matches('.').to_owned()
}

fn unknown(schema: &Json) -> Error {
    Error::internal(format!("the schema of the spec says something that the checker does not know: {schema}"))
}
