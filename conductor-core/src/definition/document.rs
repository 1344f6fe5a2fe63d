//! A parsed file of any format: a tree of values with their positions.

use std::borrow::Cow;
use std::path::Path;

use super::problem::Fault;
use crate::error::{Problem, shown};

/// More values than this are a mistake or an attack (a YAML "billion laughs" expands to more).
const MOST_NODES: usize = 5_000;
/// The most text of all values; only aliases that repeat long text exceed it.
const MOST_TEXT: usize = 2 * 1024 * 1024;
/// The deepest nesting; no service definition needs more.
pub(super) const DEEPEST: usize = 32;

/// The number of a value in a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(super) fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    pub(super) fn to_raw(self) -> u32 {
        self.0
    }
}

/// The outermost value of every document.
pub(crate) const ROOT: NodeId = NodeId(0);

/// Line and column, both from 1, columns in characters.
pub(crate) type Position = (usize, usize);

/// A value. Numbers are kept as they were written, so that `1.10` can be a revision.
#[derive(Debug)]
pub(super) enum Value<'i> {
    Null,
    Bool(bool),
    Number(Cow<'i, str>),
    Text(Cow<'i, str>),
    List(Vec<NodeId>),
    Map(Vec<Entry<'i>>),
}

impl Value<'_> {
    fn text(&self) -> &str {
        match self {
            Value::Number(text) | Value::Text(text) => text,
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => "",
        }
    }

    /// Returns the kind of value, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A key of a mapping and the value that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Entry<'i> {
    pub(super) key: Cow<'i, str>,
    pub(super) position: Position,
    pub(super) value: NodeId,
}

#[derive(Debug)]
struct Node<'i> {
    value: Value<'i>,
    position: Position,
    /// The parent and the step from it to this value; `None` for the root.
    parent: Option<(NodeId, PathStep<'i>)>,
}

/// One step of a path through a document.
#[derive(Debug, Clone)]
pub(super) enum PathStep<'i> {
    Key(Cow<'i, str>),
    Index(usize),
}

/// All values of a file; the first is the root.
#[derive(Debug)]
pub(crate) struct Document<'i> {
    nodes: Vec<Node<'i>>,
    /// The bytes of all texts and keys.
    text: usize,
    duplicates: Vec<(Position, String)>,
}

/// A syntax error of a file, with its position.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) position: Option<Position>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(position: Position, message: impl Into<String>) -> Self {
        Self { position: Some(position), message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn into_problem(self, file: &Path) -> Problem {
        Problem {
            file: file.to_owned(),
            position: self.position,
            path: String::new(),
            message: self.message,
            hint: self.hint,
        }
    }
}

impl<'i> Document<'i> {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::with_capacity(64), text: 0, duplicates: Vec::new() }
    }

    /// Adds a value; the parent has to be added before its children.
    pub(super) fn add(
        &mut self,
        parent: Option<(NodeId, PathStep<'i>)>,
        position: Position,
        value: Value<'i>,
    ) -> Result<NodeId, SyntaxError> {
        if self.nodes.len() >= MOST_NODES {
            return Err(SyntaxError::new(position, format!("more than {MOST_NODES} values"))
                .hint("write one service for each file; an alias counts each time it is used"));
        }
        let key = match &parent {
            Some((_, PathStep::Key(key))) => key.len(),
            _ => 0,
        };
        self.text += key + value.text().len();
        if self.text > MOST_TEXT {
            return Err(SyntaxError::new(position, format!("more than {MOST_TEXT} bytes of text"))
                .hint("an alias counts each time it is used"));
        }
        let id = u32::try_from(self.nodes.len()).expect("MOST_NODES fits in 32 bits");
        self.nodes.push(Node { value, position, parent });
        Ok(NodeId(id))
    }

    /// Adds an item to a list that was added before.
    pub(super) fn push_item(&mut self, list: NodeId, item: NodeId) {
        if let Value::List(items) = &mut self.nodes[list.0 as usize].value {
            items.push(item);
        }
    }

    /// Adds an entry to a mapping that was added before; each key may be in it once.
    pub(super) fn push_entry(&mut self, map: NodeId, entry: Entry<'i>) {
        if let Value::Map(entries) = &mut self.nodes[map.0 as usize].value {
            if entries.iter().any(|other| other.key == entry.key) {
                self.push_duplicate(entry.position, &entry.key);
            } else {
                entries.push(entry);
            }
        }
    }

    /// Returns whether a mapping has a key.
    pub(super) fn has_key(&self, map: NodeId, key: &str) -> bool {
        match self.value(map) {
            Value::Map(entries) => entries.iter().any(|entry| entry.key == key),
            _ => false,
        }
    }

    /// Notes a key that its mapping already has. Reading continues with the first one.
    pub(super) fn push_duplicate(&mut self, position: Position, key: &str) {
        self.duplicates.push((position, shown(key)));
    }

    /// Returns the keys that a mapping has twice.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = (Position, Fault)> {
        self.duplicates.iter().map(|(position, key)| {
            let fault = Fault::new(format!("the key {key} is given twice"));
            (*position, fault.hint("remove one of them"))
        })
    }

    pub(super) fn value(&self, id: NodeId) -> &Value<'i> {
        &self.nodes[id.0 as usize].value
    }

    pub(super) fn position(&self, id: NodeId) -> Position {
        self.nodes[id.0 as usize].position
    }

    /// Returns the path from the root to a value: `cron.cleanup.command[2]`.
    pub(super) fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut node = &self.nodes[id.0 as usize];
        while let Some((parent, step)) = &node.parent {
            steps.push(step);
            node = &self.nodes[parent.0 as usize];
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            push_step(&mut path, step);
        }
        path
    }

    /// Returns the parent of a value and the step from it; `None` for the root.
    pub(super) fn parent(&self, id: NodeId) -> Option<(NodeId, PathStep<'i>)> {
        self.nodes[id.0 as usize].parent.clone()
    }

    /// Returns the values below one, to a depth, each with its path from there.
    pub(super) fn below(&self, root: NodeId, depth: usize) -> Vec<(String, NodeId)> {
        let mut found = Vec::new();
        self.add_below(root, "", depth, &mut found);
        found
    }

    fn add_below(&self, id: NodeId, prefix: &str, depth: usize, found: &mut Vec<(String, NodeId)>) {
        let Some(deeper) = depth.checked_sub(1) else { return };
        let mut add = |step: &PathStep<'_>, child: NodeId| {
            let mut path = prefix.to_owned();
            push_step(&mut path, step);
            self.add_below(child, &path, deeper, found);
            found.push((path, child));
        };
        match self.value(id) {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    add(&PathStep::Index(index), *item);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    add(&PathStep::Key(Cow::Borrowed(&entry.key)), entry.value);
                }
            }
            _ => {}
        }
    }
}

/// Appends one step; keys with unusual characters are quoted.
fn push_step(path: &mut String, step: &PathStep<'_>) {
    use std::fmt::Write as _;
    const LONGEST: usize = 60;
    let plain = |key: &str| {
        (1..=LONGEST).contains(&key.len())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    match step {
        PathStep::Index(index) => {
            // Writing to a String cannot fail.
            let _ = write!(path, "[{index}]");
        }
        PathStep::Key(key) => {
            if !path.is_empty() {
                path.push('.');
            }
            if plain(key) {
                path.push_str(key);
            } else {
                path.push_str(&shown(key));
            }
        }
    }
}
