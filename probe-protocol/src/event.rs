//! What a unit reports to the hooks of its service.

use std::path::PathBuf;

use crate::error::{ArgumentError, ValueError};
use crate::given::Given;
use crate::option;

/// What has happened to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has started, and its check succeeded.
    Healthy,
    /// It has started, and has no check.
    Up,
    /// It has been up for a while, if it was not started again.
    Held,
    /// Its processes have ended.
    Ended,
    /// It has failed (`OnFailure=`).
    Failed,
}

impl Moment {
    /// All of them.
    const ALL: [Self; 5] = [Self::Healthy, Self::Up, Self::Held, Self::Ended, Self::Failed];

    /// Returns its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Up => "up",
            Self::Held => "held",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

/// Reports what has happened to a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What has happened.
    pub moment: Moment,
    /// The file of the unit. The one of its service's target, with the hooks, is beside it.
    pub unit_file: PathBuf,
}

impl Event {
    /// Returns the arguments as one text, for a unit: the path of the unit's file may have specifiers.
    pub fn text(moment: Moment, unit_file: &str) -> String {
        let name = moment.name();
        format!("event {}={name} {}={unit_file}", option::MOMENT, option::UNIT_FILE)
    }

    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let named = |text: &str| {
            let found = Moment::ALL.into_iter().find(|moment| moment.name() == text);
            found.ok_or(ValueError::Moment)
        };
        let missing = ArgumentError::Missing;
        let moment = given.read_value(option::MOMENT, named)?;
        Ok(Self {
            moment: moment.ok_or(missing(option::MOMENT))?,
            unit_file: given.path(option::UNIT_FILE).ok_or(missing(option::UNIT_FILE))?,
        })
    }
}
