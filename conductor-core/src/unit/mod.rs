//! Unit files as text: escaping, conductor's metadata, templates, and sets of units.

mod bounds;
mod contents;
pub mod escape;
mod image;
mod lines;
mod metadata;
mod quadlet;
pub(crate) mod render;
mod set;
mod template;

pub use contents::{ContentHash, ContentKey};
pub use image::{LocalImage, Pin};
pub use lines::Lines;
pub use metadata::{
    Engine, EngineImage, EngineNetwork, EnginePod, Instance, JobUnit, Kind, Metadata, NamedVolume,
    Record, TimerUnit,
};
pub use quadlet::start_timeout;
pub(crate) use render::Values;
pub use set::{Link, Unit, UnitSet};
pub(crate) use template::hex;
pub use template::{Override, TemplateError, Templates};
