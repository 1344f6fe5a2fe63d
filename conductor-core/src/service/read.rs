//! Reads services from text, or from a value of a program.

use std::path::Path;

use serde::Serialize;

use super::{Service, check};
use crate::definition::{DefinitionText, Format, Source};
use crate::error::{Problem, Problems};

impl Service {
    /// Reads a service from the text of a file; the file's extension says the format.
    ///
    /// # Errors
    /// All problems of the file, in its order; or it defines an application of several processes, which
    /// [`parse_all`](Self::parse_all) reads.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        alone(file, Self::parse_all(file, text)?)
    }

    /// Reads a service from a value: a `serde_json::Value`, a map, or anything else that has the keys of a
    /// definition. It is checked as a file is; the problems have the path of a key, and no line.
    ///
    /// ```
    /// use conductor_core::service::Service;
    ///
    /// let value = serde_json::json!({"id": "web", "command": ["/usr/bin/web"], "instances": 0.5});
    /// let problems = Service::from_value(&value).unwrap_err();
    /// assert_eq!(
    ///     problems.to_string(),
    ///     "web.json: instances: 0.5 is not a whole number from 0 to 65535"
    /// );
    /// ```
    ///
    /// # Errors
    /// All problems of the value; or it defines an application of several processes, which
    /// [`DefinitionText::from_value`] reads.
    pub fn from_value(value: &impl Serialize) -> Result<Self, Problems> {
        let definition = DefinitionText::from_value(value)?;
        let file = definition.file().to_owned();
        alone(&file, definition.into_services())
    }

    /// Reads the services that the text of a file defines: one, or the processes of an application.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use conductor_core::service::Service;
    ///
    /// let text = "id: shop\nprocesses: {web: {command: [/bin/a]}, worker: {command: [/bin/b]}}\n";
    /// let services = Service::parse_all(Path::new("shop.yaml"), text).unwrap();
    /// let ids: Vec<_> = services.iter().map(|service| service.id.as_str()).collect();
    /// assert_eq!(ids, ["shop-web", "shop-worker"]);
    /// ```
    ///
    /// # Errors
    /// All problems of the file, in its order.
    pub fn parse_all(file: &Path, text: &str) -> Result<Vec<Self>, Problems> {
        let format = Format::of(file).map_err(|problem| Problems(vec![problem]))?;
        Self::parse_all_as(format, file, text)
    }

    /// Reads services as [`parse_all`](Self::parse_all) does, in a format that the name of the file does not say.
    ///
    /// # Errors
    /// All problems of the text, in its order.
    pub fn parse_all_as(format: Format, file: &Path, text: &str) -> Result<Vec<Self>, Problems> {
        let mut source = Source::parse_as(format, file, text).map_err(Problems)?;
        let parts = source.parts();
        let (source, mut services) = (&source, Vec::with_capacity(parts.len()));
        for number in 0..parts.len() {
            let read = source.read_part(number);
            services.extend(read.and_then(|read| check::service(source, &parts, number, read)));
        }
        let mut problems = source.problems();
        if problems.is_empty() {
            problems = check::shared_volumes(&services);
        }
        if problems.is_empty() { Ok(services) } else { Err(Problems(problems)) }
    }
}

/// Returns the only service of a definition, which is not that of an application.
fn alone(file: &Path, services: Vec<Service>) -> Result<Service, Problems> {
    match <[Service; 1]>::try_from(services) {
        Ok([service]) if service.application.is_none() => Ok(service),
        _ => {
            let problem =
                Problem::of_file(file, "this defines an application, and not one service");
            Err(Problems(vec![problem.hint("write the service without processes")]))
        }
    }
}
