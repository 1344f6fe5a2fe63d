//! Unit files as text: escaping, conductor's metadata, templates, and sets of units.

pub(crate) mod escape;
mod metadata;
mod set;
mod template;

pub use metadata::{Kind, Metadata};
pub use set::{Link, Unit, UnitSet};
pub(crate) use template::hex;
pub use template::{Override, TemplateError, Templates};
