//! Unit files as text: escaping, conductor's metadata, templates, and sets of units.

pub(crate) mod escape;
mod lines;
mod metadata;
mod set;
mod template;

pub(crate) use lines::Lines;
pub use metadata::{Engine, EngineImage, Instance, Kind, Metadata, Record};
pub use set::{Link, Unit, UnitSet};
pub use template::{Override, TemplateError, Templates};
pub(crate) use template::{Values, hex};
