//! Handlebars in strict mode, without escaping, and with the place of every error.

use std::path::PathBuf;

use handlebars::{Context, Handlebars, RenderErrorReason, no_escape};
use serde::Serialize;

use super::bounds::{self, Refused};
use super::template::TemplateError;

/// The values for templates, created once for all templates with the same values.
pub(crate) struct Values(pub(super) Context);

impl Values {
    /// Creates values from the fields of a view.
    pub(crate) fn new(view: &impl Serialize) -> Self {
        Self(Context::wraps(view).expect("views are structs of texts"))
    }
}

/// Returns an engine without templates.
pub(crate) fn engine() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(no_escape);
    registry
}

/// Adds a template, or replaces the one of the same name.
pub(crate) fn register(
    registry: &mut Handlebars<'static>,
    name: &str,
    text: &str,
    file: PathBuf,
) -> Result<(), TemplateError> {
    if let Err(Refused { at, reason }) = bounds::check(text) {
        let (line, column) = bounds::position(text, at);
        return Err(TemplateError::Syntax { file, line, column, reason });
    }
    registry.register_template_string(name, text).map_err(|error| {
        let (line, column) = error.pos().unwrap_or((1, 1));
        TemplateError::Syntax { file, line, column, reason: error.reason().to_string() }
    })
}

/// Renders a template; `file` is its path, for messages.
pub(crate) fn render(
    registry: &Handlebars<'static>,
    name: &str,
    values: &Values,
    file: impl Fn() -> PathBuf,
) -> Result<String, TemplateError> {
    let rendered = registry.render_with_context(name, &values.0);
    let text = rendered.map_err(|error| TemplateError::Render {
        file: file(),
        line: error.line_no.unwrap_or(1),
        column: error.column_no.unwrap_or(1),
        reason: match error.reason() {
            RenderErrorReason::MissingVariable(Some(name)) => {
                format!("there is no value {name:?} for this template")
            }
            reason => reason.to_string(),
        },
    })?;
    // In UTF-8, only control characters have bytes of ASCII control characters.
    let control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t');
    match text.bytes().find(control) {
        None => Ok(text),
        Some(control) => {
            let reason = format!("contains {:?}", char::from(control));
            Err(TemplateError::Output { file: file(), reason })
        }
    }
}
