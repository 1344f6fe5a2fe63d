//! Commands that run once, in the image and environment of a service.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Conductor;
use super::error::Error;
use super::images::missing;
use super::volume_checks::check_volumes_of;
use super::watching;
use crate::system::{
    Controller, Expected, InputOutput, JobType, RunSocket, Systemd, UnitEnd, atomic, images,
    last_words, networks, open, pods,
};
use conductor_core::definition::PullPolicy;
use conductor_core::error::{Invalid, PathContext as _, PathError, Problems};
use conductor_core::name::{Revision, UnitName};
use conductor_core::plan;
use conductor_core::release::{Release, Task, slice_unit};
use conductor_core::runtime::{self, Attached, Scope};
use conductor_core::service::{Limits, Service};
use conductor_core::unit::{EngineImage, EngineNetwork};
use conductor_core::value::{Argument, EnvName, EnvValue, HostPath, Span, User};

/// How many lines of the journal are shown if a command does not start.
const LINES: u32 = 6;

/// A command that runs once, in a service's image and environment and within its limits, and in what it
/// differs from the service's instances. No token is replaced in it.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// The program and its arguments.
    pub command: Vec<Argument>,
    /// The program that replaces the image's ENTRYPOINT; an empty one removes it.
    pub entrypoint: Option<Argument>,
    /// The revision; without it, the one that is deployed.
    pub revision: Option<Revision>,
    /// Environment variables, on top of the service's.
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Limits, each in place of the service's.
    pub limits: Limits,
    /// The user to run as, in place of the service's.
    pub user: Option<User>,
    /// The longest that it may take, from its start on.
    pub timeout: Option<Span>,
}

/// The plan of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RunPlan {
    /// The image that would be pulled, with its engine; null if it is there, or none is needed.
    pub pull: Option<String>,
    /// The unit; in place of `NAME` it has a name of its own each time.
    pub unit: UnitName,
    /// The text of the unit, as it is if nobody waits for the command.
    pub text: String,
}

/// A command that runs, for as long as somebody waits for it: it ends when this is dropped.
#[derive(Debug)]
pub struct RunningCommand {
    unit: UnitName,
    unit_file: PathBuf,
    scope: Scope,
    group: Option<String>,
    socket: RunSocket,
    ends: InputOutput,
    controller: Controller,
    systemd: Systemd,
}

impl RunningCommand {
    /// Returns the unit in which the command runs.
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }

    /// Returns a handle that sends signals to the command from other threads.
    pub fn controller(&self) -> Controller {
        self.controller.clone()
    }

    /// Passes input and output to the command, and waits until all its processes have ended.
    ///
    /// # Errors
    /// The command was not started, or its result is not known. A command that fails is not an error here.
    pub fn wait(self) -> Result<UnitEnd, Error> {
        let Self { unit, unit_file, scope, group, socket, ends, controller, systemd } = self;
        let expected = Expected { unit: &unit, group, ends };
        match socket.wait(expected, &controller, systemd)? {
            Ok(end) => Ok(end),
            // If systemd could not start the probe, the file of the unit still exists.
            Err(refused) => Err(not_begun(scope, &unit, &unit_file, &refused)),
        }
    }
}

impl Conductor {
    /// Runs a command and waits for its end.
    ///
    /// `pulling` gets each line that an engine writes while it pulls the image, and `None` now and then;
    /// it says whether to go on.
    ///
    /// # Errors
    /// There is no revision, or the service does not compile; the image does not come; systemd refuses.
    pub fn run(
        &self,
        service: &Service,
        request: &RunRequest,
        ends: InputOutput,
        pulling: &mut dyn FnMut(Option<&str>) -> bool,
    ) -> Result<RunningCommand, Error> {
        watching::refuse()?;
        self.has_probe(&service.id)?;
        let terminal = matches!(ends, InputOutput::Terminal(_));
        let (socket, unit, systemd) = self.prepare(service, request, Some(terminal), pulling)?;
        let (scope, unit_file) = (self.paths.scope, self.paths.transient.join(unit.as_str()));
        if systemd.begin(&unit)?.is_err() {
            return Err(not_begun(scope, &unit, &unit_file, &[]));
        }
        let controller = Controller::default();
        let group = (scope == Scope::System)
            .then(|| format!("/conductor.slice/{}/{unit}", slice_unit(&service.id)));
        Ok(RunningCommand { unit, unit_file, scope, group, socket, ends, controller, systemd })
    }

    /// Starts a command without waiting for its end, and returns its unit. Its output goes to the journal.
    ///
    /// # Errors
    /// As for [`run`](Self::run); or its program cannot be started.
    pub fn run_detached(
        &self,
        service: &Service,
        request: &RunRequest,
        pulling: &mut dyn FnMut(Option<&str>) -> bool,
    ) -> Result<UnitName, Error> {
        watching::refuse()?;
        let (_, unit, systemd) = self.prepare(service, request, None, pulling)?;
        let results = systemd.run(JobType::Run, std::slice::from_ref(&unit))?;
        if results.into_values().all(|result| result.is_ok()) {
            return Ok(unit);
        }
        let file = self.paths.transient.join(unit.as_str());
        Err(not_begun(self.paths.scope, &unit, &file, &[]))
    }

    /// Returns what [`run_detached`](Self::run_detached) would do, and changes nothing.
    ///
    /// # Errors
    /// There is no revision, or the service does not compile.
    pub fn plan_run(&self, service: &Service, request: &RunRequest) -> Result<RunPlan, Error> {
        let service = self.at_revision(service, request.revision.as_ref())?;
        let release = self.release_of(&service)?;
        self.check_task(&release)?;
        let (tag, missing) = self.image_of(&release)?;
        // A placeholder: each run has a name of its own.
        let unit = release.task_unit("run-NAME");
        let text = self.compile_run(&release, request, &unit, (None, tag))?;
        Ok(RunPlan { pull: missing.map(|image| image.to_string()), unit, text })
    }

    /// Writes the unit of a command, after its image has been pulled.
    fn prepare(
        &self,
        service: &Service,
        request: &RunRequest,
        terminal: Option<bool>,
        pulling: &mut dyn FnMut(Option<&str>) -> bool,
    ) -> Result<(RunSocket, UnitName, Systemd), Error> {
        let Some(systemd) = self.systemd()? else { return Err(Error::Offline) };
        let service = self.at_revision(service, request.revision.as_ref())?;
        let release = self.release_of(&service)?;
        self.check_task(&release)?;
        check_volumes_of(&service)?;
        let (tag, missing) = self.image_of(&release)?;
        if let Some(image) = missing {
            images::pull(&image, pulling).map_err(|source| Error::Pull { image, source })?;
        }
        for (network, settings) in release.networks() {
            networks::make(&network, &settings).map_err(|source| {
                let EngineNetwork { engine, name: network } = network;
                Error::Network { engine, network, source }
            })?;
        }
        if let Some(pod) = release.pod() {
            pods::make(&pod, &self.paths.runtime)
                .map_err(|source| Error::Pod { pod: pod.name, source })?;
        }
        let directory = &self.paths.transient;
        open::make_directories(directory)?;
        let socket = RunSocket::new(&self.paths.runtime, directory, self.paths.scope)?;
        let unit = release.task_unit(socket.name());
        let attached = match terminal {
            Some(terminal) => Some(Attached { socket: host_path(socket.path())?, terminal }),
            None => None,
        };
        let text = self.compile_run(&release, request, &unit, (attached, tag))?;
        let file = directory.join(unit.as_str());
        // Nothing reads the file before systemd gets its name, so the write need not be atomic.
        let written = open::make_new(&file, open::READABLE)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.and_then(|()| atomic::renew(directory)).at("write", &file)?;
        Ok((socket, unit, systemd))
    }

    fn compile_run(
        &self,
        release: &Release<'_>,
        request: &RunRequest,
        unit: &UnitName,
        (attached, image_tag): (Option<Attached>, Option<String>),
    ) -> Result<String, Error> {
        let unit_file = host_path(&self.paths.transient.join(unit.as_str()))?;
        let task = request.task(runtime::RunParts { unit_file, attached });
        let task = Task { image_tag, ..task };
        Ok(release.compile_task(task, unit, "run", self.paths.scope, &self.templates)?)
    }

    /// Returns the tag of the image that the service's instances and jobs of this revision run, and the image that has to
    /// be pulled, if the engine does not have it.
    fn image_of(
        &self,
        release: &Release<'_>,
    ) -> Result<(Option<String>, Option<EngineImage>), Error> {
        let Some(image) = release.engine_image()? else { return Ok((None, None)) };
        let id = &release.service.id;
        let kept = plan::kept_tag(id, &image, &self.observe_files(Some(id))?);
        let is_never = release.service.pull == PullPolicy::Never;
        if let Some((tag, source)) = kept {
            if images::find(&tag).is_some() {
                return Ok((Some(tag.reference), None));
            }
            // Its jobs run this image, whatever its name means by now.
            if let Some(source) = source.filter(|_| !is_never) {
                return Ok((Some(source.reference.clone()), Some(source)));
            }
        }
        if images::find(&image).is_some() {
            return Ok((None, None));
        }
        match is_never {
            true => Err(Problems(vec![missing(release.service, &image)]).into()),
            false => Ok((None, Some(image))),
        }
    }

    fn release_of<'s>(&self, service: &'s Service) -> Result<Release<'s>, Error> {
        let revision = service.own_revision().ok_or_else(|| Error::no_revision(&[service]))?;
        Ok(Release::new(service, revision, &self.templates))
    }
}

/// Returns why a command did not start, and which other process was rejected at its socket; makes sure that nothing
/// of it is left.
fn not_begun(scope: Scope, unit: &UnitName, file: &Path, refused: &[String]) -> Error {
    match fs::remove_file(file) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            PathError { action: "remove", path: file.to_owned(), source }.into()
        }
        _ => {
            let journal = last_words(scope, unit, LINES).journal;
            let journal = refused.iter().cloned().chain(journal).collect();
            Error::NotBegun { unit: unit.clone(), journal }
        }
    }
}

/// Returns a path, checked for use in a unit: the path of a user's runtime directory might not be allowed there.
fn host_path(path: &Path) -> Result<HostPath, Error> {
    let checked = path.display().to_string().parse();
    checked
        .map_err(|invalid: Invalid| io::Error::other(invalid.message))
        .at("use", path)
        .map_err(Error::from)
}

impl RunRequest {
    fn task(&self, run: runtime::RunParts) -> Task {
        let Self { command, entrypoint, revision: _, env, limits, user, timeout } = self;
        Task {
            command: command.iter().map(Argument::literal).collect(),
            entrypoint: entrypoint.as_ref().map(|program| {
                // An empty program removes the entrypoint.
                let program = Some(program).filter(|program| !program.as_str().is_empty());
                program.map(Argument::literal).into_iter().collect()
            }),
            env: env.iter().map(|(name, value)| (name.clone(), value.literal())).collect(),
            limits: limits.clone(),
            user: user.clone(),
            timeout: *timeout,
            run: Some(run),
            ..Task::default()
        }
    }
}
