//! Checks commands and their environment.

use std::collections::BTreeMap;

use super::{Check, SAMPLE, table};
use crate::definition::{Fault, Field, Located, Runtime, Table};
use crate::error::shown;
use crate::value::{Argument, EnvName, EnvValue, HostPath};

impl Check<'_> {
    /// Reads a command. For a native service, systemd needs the absolute path of the program.
    pub(super) fn command(
        &self,
        command: Field<Vec<Field<Argument>>>,
        runtime: Option<Runtime>,
    ) -> Option<Vec<Argument>> {
        let command = command.given()?;
        match command.value.first() {
            None => {
                let fault = Fault::new("the command is empty");
                let hint = "write the program and its arguments";
                self.refuse(command.at, fault.hint(hint));
            }
            Some(Field::Given(program)) => self.program(program, runtime),
            Some(Field::Absent | Field::Refused) => {}
        }
        let arguments = command.value.into_iter();
        Some(arguments.filter_map(Field::into_value).collect())
    }

    /// Reads what replaces an image's ENTRYPOINT.
    pub(super) fn entrypoint(
        &self,
        entrypoint: Field<Vec<Field<Argument>>>,
        runtime: Option<Runtime>,
    ) -> Option<Vec<Argument>> {
        let entrypoint = entrypoint.given()?;
        if runtime == Some(Runtime::Native) {
            let fault = Fault::new("an entrypoint is part of a container's image");
            let hint = "remove this key, and write the program at the beginning of command";
            self.refuse(entrypoint.at, fault.hint(hint));
        }
        Some(entrypoint.value.into_iter().filter_map(Field::into_value).collect())
    }

    fn program(&self, program: &Located<Argument>, runtime: Option<Runtime>) {
        let path = SAMPLE.expand(program.value.as_str());
        if path.is_empty() {
            let fault = Fault::new("the program is empty");
            return self.refuse(program.at, fault.hint("write the name of a program"));
        }
        if runtime != Some(Runtime::Native) {
            return;
        }
        let fault = match path.parse::<HostPath>() {
            Err(invalid) => Fault::new(format!("the program: {}", invalid.message)),
            Ok(_) if path.ends_with('/') => {
                Fault::new(format!("the program: {} is a directory", shown(&path)))
            }
            Ok(_) => return,
        };
        let hint = "write the program's absolute path, such as /usr/bin/python3";
        self.refuse(program.at, fault.hint(hint));
    }

    /// Checks the program of a job. systemd accepts a name, which it looks up, or an absolute path.
    pub(super) fn job_program(
        &self,
        command: &Field<Vec<Field<Argument>>>,
        runtime: Option<Runtime>,
    ) {
        let Field::Given(command) = command else { return };
        let Some(Field::Given(program)) = command.value.first() else { return };
        if runtime == Some(Runtime::Native) && program.value.as_str().contains('/') {
            self.program(program, runtime);
        }
    }

    /// Reads the environment. For Linux, a variable is as long as its name and value together.
    pub(super) fn env(
        &self,
        env: Field<Table<EnvName, EnvValue>>,
        runtime: Option<Runtime>,
        has_port: bool,
        on_socket: bool,
    ) -> BTreeMap<EnvName, EnvValue> {
        if let Field::Given(table) = &env {
            for (name, value) in &table.value.0 {
                if runtime == Some(Runtime::Native) && name.value.is_of_containers() {
                    let fault = Fault::new(format!("systemd ignores the variable {}", name.value));
                    let hint = "a name with dots works only with runtime: docker or podman; use \
                                another name";
                    self.refuse(name.at, fault.hint(hint));
                }
                if has_port && name.value.as_str() == "PORT" {
                    let fault = Fault::new("conductor sets PORT, because the service has a port");
                    self.refuse(name.at, fault.hint("remove it; {port} is the same number"));
                }
                if on_socket && name.value.as_str() == "SOCKET" {
                    let fault = Fault::new("conductor sets SOCKET, because of listen: socket");
                    self.refuse(name.at, fault.hint("remove it; {socket} is the same path"));
                }
                let Field::Given(value) = value else { continue };
                let assignment = format!("{}={}", name.value, value.value);
                if let Err(invalid) = assignment.parse::<Argument>() {
                    self.refuse_invalid(value.at, invalid);
                }
            }
        }
        table(env)
    }
}
