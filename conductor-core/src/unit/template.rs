//! Renders units with Handlebars, from the built-in templates or the user's own.

use std::path::PathBuf;
use std::sync::OnceLock;

use handlebars::Handlebars;
use sha2::{Digest as _, Sha256};
use unit_templates::Template;

use super::render::{self, Values};

/// A template of the user.
#[derive(Debug, Clone)]
pub struct Override {
    /// Its file, whose name is that of the built-in template that it replaces.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

/// An error of a template, when it is loaded or rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is not a Handlebars template.
    #[error("{}:{line}:{column}: {reason}", crate::error::shown_path(file))]
    Syntax {
        /// The template.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value is missing, or a helper failed.
    #[error("{}:{line}:{column}: {reason}", crate::error::shown_path(file))]
    Render {
        /// The template.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// No template has the file's name.
    #[error("{}: no template has this name; write one of {known}", crate::error::shown_path(file))]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The names of the templates.
        known: String,
    },
    /// Older versions had a template of this name.
    #[error("{}: there is no such template any more: {instead}", crate::error::shown_path(file))]
    Retired {
        /// The file.
        file: PathBuf,
        /// What to write in its place.
        instead: &'static str,
    },
    /// systemd would not read the rendered text as it is meant.
    #[error("{}: the rendered text {reason}", crate::error::shown_path(file))]
    Output {
        /// The template.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The templates of older versions, and what to write in their place.
const RETIRED: [(&str, &str); 2] = [
    (
        "service.slice.hbs",
        "write its [Slice] section into conductor-ID.slice.d/NAME.conf next to the units, and remove it",
    ),
    ("boot.service.hbs", "start.service.hbs is that of one unit for all services"),
];

/// The templates in use.
#[derive(Debug)]
pub struct Templates {
    /// Without templates of the user, it is filled with the built-in ones when it is first needed: parsing them
    /// takes as long as a query of a service's state from systemd.
    registry: OnceLock<Handlebars<'static>>,
    /// The files of the templates that replace built-in ones, for messages.
    files: Vec<(&'static str, PathBuf)>,
    fingerprint: Option<String>,
}

impl Templates {
    /// Loads the built-in templates, with some replaced.
    ///
    /// # Errors
    /// A replacement is not a template, or no built-in template has its file name.
    pub fn new(overrides: &[Override]) -> Result<Self, TemplateError> {
        if overrides.is_empty() {
            return Ok(Self { registry: OnceLock::new(), files: Vec::new(), fingerprint: None });
        }
        let mut registry = embedded();
        let mut files = Vec::new();
        let mut hasher = Sha256::new();
        for Override { file, text } in overrides {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some((_, instead)) = RETIRED.iter().find(|(retired, _)| *retired == name) {
                return Err(TemplateError::Retired { file: file.clone(), instead });
            }
            let Some(template) = unit_templates::ALL.iter().find(|known| known.file == name) else {
                let known = unit_templates::ALL.map(|known| known.file).join(", ");
                return Err(TemplateError::Unknown { file: file.clone(), known });
            };
            render::register(&mut registry, template.file, text, file.clone())?;
            files.push((template.file, file.clone()));
            for part in [name, text] {
                hasher.update(part.len().to_le_bytes());
                hasher.update(part);
            }
        }
        let fingerprint = Some(hex(&hasher.finalize()));
        Ok(Self { registry: OnceLock::from(registry), files, fingerprint })
    }

    /// Parses the built-in templates, if they are not parsed yet; a program may call it while it waits.
    pub fn load(&self) {
        self.registry();
    }

    fn registry(&self) -> &Handlebars<'static> {
        self.registry.get_or_init(embedded)
    }

    /// Adds a helper, with which a test makes a template fail in a way that no value can.
    #[doc(hidden)]
    #[must_use]
    pub fn with_helper(
        mut self,
        name: &str,
        helper: impl handlebars::HelperDef + Send + Sync + 'static,
    ) -> Self {
        self.load();
        if let Some(registry) = self.registry.get_mut() {
            registry.register_helper(name, Box::new(helper));
        }
        self
    }

    /// Returns the part of a release's digest: that of the user's templates, without the built-in ones.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Renders one template.
    pub(crate) fn render(
        &self,
        template: Template,
        values: &Values,
    ) -> Result<String, TemplateError> {
        let file = || {
            let own = self.files.iter().find(|(name, _)| *name == template.file);
            own.map_or_else(|| PathBuf::from(template.file), |(_, file)| file.clone())
        };
        let text = render::render(self.registry(), template.file, values, file)?;
        let output = |reason: String| TemplateError::Output { file: file(), reason };
        let too_long = |line: &&str| line.len() > super::escape::LONGEST_LINE;
        // Almost all texts are shorter than one line may be.
        if too_long(&&*text)
            && let Some(line) = text.lines().find(too_long)
        {
            let name = line.split('=').next().unwrap_or_default();
            return Err(output(format!(
                "has {} bytes in the line {name}=; systemd reads at most {}",
                line.len(),
                super::escape::LONGEST_LINE
            )));
        }
        Ok(text)
    }
}

/// Returns an engine with the built-in templates.
fn embedded() -> Handlebars<'static> {
    let mut registry = render::engine();
    for Template { file, text } in unit_templates::ALL {
        render::register(&mut registry, file, text, PathBuf::from(file))
            .expect("the embedded templates load");
    }
    registry
}

/// Returns bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn template(text: &str) -> Override {
        Override { file: "own/service.target.hbs".into(), text: text.into() }
    }

    #[test]
    fn an_override_that_does_not_load_says_where() {
        let error = Templates::new(&[template("a\n{{#if x}}\n")]).unwrap_err();
        assert!(error.to_string().starts_with("own/service.target.hbs:"), "{error}");
        let error = Templates::new(&[Override { file: "own/x.hbs".into(), text: String::new() }]);
        assert!(error.unwrap_err().to_string().contains("write one of instance.service.hbs"));
        for (name, instead) in RETIRED {
            let file = Path::new("own").join(name);
            let error = Templates::new(&[Override { file, text: String::new() }]).unwrap_err();
            assert!(error.to_string().ends_with(instead), "{error}");
        }
    }

    /// Runs on a thread with the default stack size, as a compile does.
    #[test]
    fn no_template_uses_up_the_stack() {
        const MANY: usize = 100_000;
        let values = Values::new(&serde_json::json!({"a": true}));
        let nested = |depth: usize, open: &str, inner: &str, close: &str| {
            format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
        };
        let inline = "{{#*inline \"a\"}}";
        for text in [
            nested(MANY, "{{#if a}}", "x", "{{/if}}"),
            nested(MANY, "{{~ # if a}}", "x", "{{/if}}"),
            format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(MANY)),
            format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{^if a}}".repeat(MANY)),
            nested(MANY, "{{#if a}}{{!-- {{/if}} --}}", "x", "{{/if}}"),
            format!("{{{{#if {}a{}}}}}{{{{/if}}}}", "(not ".repeat(MANY), ")".repeat(MANY)),
            format!("{{{{lookup {}1{} 0}}}}", "[".repeat(MANY), "]".repeat(MANY)),
            format!("{{{{lookup {}1{} 0}}}}", "{ \"a\": ".repeat(MANY), " }".repeat(MANY)),
            nested(MANY, inline, "x", "{{/inline}}"),
            format!("{inline}{{{{> a}}}}{{{{/inline}}}}{{{{> a}}}}"),
            "{{> service.target.hbs}}".to_owned(),
            "{{~ > service.target.hbs}}".to_owned(),
            "{{#> service.target.hbs}}{{/service.target.hbs}}".to_owned(),
            "{{> (lookup this \"a\")}}".to_owned(),
            "{{* inline a}}".to_owned(),
        ] {
            let error = Templates::new(&[template(&format!("\n {text}"))]).unwrap_err();
            assert!(error.to_string().starts_with("own/service.target.hbs:2:"), "{error}");
        }
        for text in [
            nested(100, "{{#if a}}", "x", "{{/if}}"),
            nested(50, "{{#each b}}{{else}}", "x", "{{/each}}"),
            format!("{{{{#if a}}}}{}x{{{{/if}}}}", "{{else if a}}".repeat(99)),
            format!("{{{{#if {}a{}}}}}x{{{{/if}}}}", "(not ".repeat(100), ")".repeat(100)),
            format!("{{{{lookup {}1{} 0}}}}x", "[".repeat(100), "]".repeat(100)),
            format!("{{{{lookup {}1{} 0}}}}x", "{ \"a\": ".repeat(100), " }".repeat(100)),
            "{\"a\": ({{a}})} [Unit] x".to_owned(),
        ] {
            // Any result is accepted: the process must not end.
            let templates = Templates::new(&[template(&text)]);
            let _ = templates.unwrap().render(unit_templates::TARGET, &values);
        }
    }

    #[test]
    fn a_missing_value_is_an_error_with_its_place() {
        let templates = Templates::new(&[template("[Unit]\nX={{nothing}}\n")]).unwrap();
        let error = templates
            .render(unit_templates::TARGET, &Values::new(&serde_json::json!({})))
            .unwrap_err();
        assert!(error.to_string().starts_with("own/service.target.hbs:2:"), "{error}");
    }

    #[test]
    fn nothing_is_escaped_for_html() {
        let templates = Templates::new(&[template("{{a}}\n")]).unwrap();
        let data = Values::new(&serde_json::json!({"a": "<\"&'>"}));
        assert_eq!(templates.render(unit_templates::TARGET, &data).unwrap(), "<\"&'>\n");
    }

    #[test]
    fn only_the_users_own_templates_count_as_configuration() {
        assert_eq!(Templates::new(&[]).unwrap().fingerprint(), None);
        assert!(Templates::new(&[template("a")]).unwrap().fingerprint().is_some());
    }
}
