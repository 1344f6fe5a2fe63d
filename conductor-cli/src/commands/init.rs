//! `conductor init`: writes a first definition, with comments.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_core::name::ServiceId;
use conductor_host::system::{NewFile, defined_services, write_definitions};
use schemars::JsonSchema;
use serde::Serialize;

use super::import::runtimes;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// The definition, with `{id}` for the id, and what differs between runtimes.
const DEFINITION: &str = include_str!("init.yaml");
/// What a native service runs.
const NATIVE: &str = "\
# The program, with its absolute path; {port} is the port that conductor gives to an instance, PORT has it, too.
command: [/usr/bin/python3, -m, http.server, --bind, 127.0.0.1, \"{port}\"]

# The port that clients know it by; each instance has one of its own.
port: 8080
";
/// What a container runs.
const CONTAINER: &str = "\
# Its image, and the revision of it: its tag, or its digest. conductor deploy --id {id} --revision 1.29 changes it.
runtime: {runtime}
image: docker.io/library/nginx
revision: \"1.28\"

# The port inside of the container; on the host, each instance has one of its own, at 127.0.0.1.
port: 80
";

#[derive(Debug, Args)]
#[command(
    after_help = "A definition that is there already is left as it is: that is an error if it is another one.\n\n\
                  Example:\n  sudo conductor init hello && sudo conductor apply\n  \
                  conductor init shop --runtime docker --definitions ."
)]
pub(crate) struct Init {
    /// The id of the service
    #[arg(value_name = "ID", default_value = "hello")]
    pub(crate) id: ServiceId,
    /// What runs it
    #[arg(long, default_value = "native", value_parser = runtimes())]
    pub(crate) runtime: Runtime,
}

/// The definition that was written.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InitialDefinition<'i> {
    /// Whether it was written; false if it was there already.
    changed: bool,
    /// The id of the service.
    id: &'i ServiceId,
    /// The file.
    file: String,
}

pub(crate) fn run(context: &Context, Init { id, runtime }: &Init) -> Result<ExitCode, Failure> {
    let directory = &context.conductor.paths().definitions;
    let file = directory.join(format!("{id}.yaml"));
    if let Some(other) = defined_services(directory).get(id).filter(|other| **other != file) {
        let problem = Problem::of_file(other, format!("it defines {id} already"));
        let problem = problem.hint("change it there, or choose another id");
        return Err(Failure::Import(vec![problem]));
    }
    let text = definition(id, *runtime);
    let changed = !file.exists();
    let name = format!("{id}.yaml");
    let new = NewFile { name, text: &text, is_private: false };
    write_definitions(directory, &[new]).map_err(|problem| Failure::Import(vec![problem]))?;
    match context.json() {
        true => {
            let file = file.display().to_string();
            Context::print_json(&InitialDefinition { changed, id, file })?;
        }
        false => print_text(context, &file, changed)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_text(context: &Context, file: &Path, changed: bool) -> Result<(), Failure> {
    let shown = file.display();
    match changed {
        true => print::line(format_args!("wrote {shown}"))?,
        false => print::line(format_args!("{shown} is there already"))?,
    }
    let user = if context.of_user { " --user" } else { "" };
    print::complaint(format_args!(
        "note: change it; conductor check{user} finds mistakes, conductor apply{user} runs it, conductor{user} doctor \
         looks at the host"
    ));
    Ok(())
}

/// Returns the text of a definition.
fn definition(id: &ServiceId, runtime: Runtime) -> String {
    let (program, before) = match runtime {
        Runtime::Native => (NATIVE.to_owned(), "[/usr/bin/true]"),
        Runtime::Docker => (CONTAINER.replace("{runtime}", "docker"), "[/bin/true]"),
        Runtime::Podman => (CONTAINER.replace("{runtime}", "podman"), "[/bin/true]"),
    };
    let text = DEFINITION.replace("{program}", program.trim_end());
    text.replace("{before}", before).replace("{id}", id.as_str())
}

#[cfg(test)]
mod tests {
    use conductor_core::service::Service;

    use super::*;

    /// Returns a definition with all keys in force that are comments in it.
    fn whole(text: &str) -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => key.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(|text| line(text) + "\n").collect()
    }

    #[test]
    fn the_definition_is_valid_also_with_all_that_it_offers() {
        for runtime in [Runtime::Native, Runtime::Docker, Runtime::Podman] {
            let text = definition(&"hello".parse().unwrap(), runtime);
            assert!(text.lines().all(|line| line.len() <= 120) && !text.contains("{id}"), "{text}");
            let file = Path::new("hello.yaml");
            let service = Service::parse(file, &text).unwrap();
            assert_eq!((service.id.as_str(), service.runtime), ("hello", runtime));
            assert!(service.advice.is_empty(), "{:?}", service.advice);
            let whole = Service::parse(file, &whole(&text))
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!((whole.instances, whole.jobs.len(), whole.volumes.len()), (2, 1, 1));
            assert!(whole.proxy.is_some() && whole.deploy.before.is_some());
        }
    }
}
