//! The states of systemd's units.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The state of a unit, as in systemd's property `ActiveState` (systemd(1), "Units"). Of another word, JSON is read as
/// `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActiveState {
    /// Started.
    Active,
    /// Started, and reloading its configuration.
    Reloading,
    /// Stopped.
    Inactive,
    /// Stopped after it failed.
    Failed,
    /// Starting, or waiting for a restart.
    Activating,
    /// Stopping.
    Deactivating,
    /// A state that this version does not know; or there is no systemd that could have one.
    Unknown,
}

impl fmt::Display for ActiveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Reloading => "reloading",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Unknown => "unknown",
        })
    }
}

impl Serialize for ActiveState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActiveState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        Ok(Self::from_property(&word))
    }
}

impl JsonSchema for ActiveState {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ActiveState".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

impl ActiveState {
    /// Reads the value of the property.
    pub fn from_property(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "reloading" | "refreshing" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            _ => Self::Unknown,
        }
    }

    /// Returns whether the unit is up.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Active | Self::Reloading)
    }

    /// Returns whether nothing of the unit runs, and no job starts it.
    pub fn is_down(self) -> bool {
        matches!(self, Self::Inactive | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_words_of_systemd() {
        let read = |word: &str| serde_json::from_value::<ActiveState>(word.into()).unwrap();
        for word in
            ["active", "reloading", "inactive", "failed", "activating", "deactivating", "unknown"]
        {
            assert_eq!(serde_json::to_value(read(word)).unwrap(), word);
        }
        // As of systemd 257, and one that it does not have.
        assert_eq!(read("refreshing"), ActiveState::Reloading);
        assert_eq!(read("dreaming"), ActiveState::Unknown);
    }
}
