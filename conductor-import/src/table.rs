//! The rows of the tables that say what becomes of each key.

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The same, under the name that the row says.
    Carried,
    /// Something of the same meaning, which a note says where it matters.
    Replaced,
    /// Nothing: it is reported.
    LeftOut,
}

/// What becomes of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// What it becomes, or what it does and what to do instead. Markdown.
    pub text: &'static str,
}

impl Fate {
    /// Returns the word for it in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Carried => "carried over",
            Self::Replaced => "replaced",
            Self::LeftOut => "left out",
        }
    }
}
