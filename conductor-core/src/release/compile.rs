//! Compiles a release and its ports into units.

use std::collections::BTreeMap;

use serde::Serialize;

use super::shared::{Place, start_unit};
use super::{CompileError, Release, VERSION, hooks, images, slice_unit, start_link, target_unit};
use crate::definition::Runtime;
use crate::runtime::{self, Parts, Scope};
use crate::service::{Process, Service, ServiceFields};
use crate::unit::{
    Engine, EngineImage, Instance, Kind, Lines, Link, Metadata, Record, Templates, Unit, UnitSet,
    Values, escape,
};
use crate::value::{Endpoint, HostPath, ImageReference, Listen, Port, Tokens};

/// The values of `instance.service.hbs`. Every key is always present: strict mode does not report a missing
/// one in `{{#if}}`.
#[derive(Serialize)]
struct InstanceView<'a> {
    id: &'a str,
    description: String,
    revision: &'a str,
    instance: &'a str,
    port: Option<&'a str>,
    target: &'a str,
    slice: &'a str,
    r#type: &'a str,
    stop_timeout: String,
    unit: Lines,
    exec: Lines,
    restart: Lines,
    health: Lines,
    environment: Lines,
    resources: Lines,
    limits: Lines,
    sandbox: Lines,
    settings: Lines,
}

/// The values of `service.target.hbs`.
#[derive(Serialize)]
struct TargetView<'a> {
    id: &'a str,
    description: String,
    target: &'a str,
}

pub(super) fn compile(
    release: &Release<'_>,
    ports: &BTreeMap<u16, Port>,
    record: Option<&Record>,
    scope: Scope,
    templates: &Templates,
) -> Result<UnitSet, CompileError> {
    let service = release.service;
    if scope == Scope::User && service.user.is_some() {
        return Err(CompileError::UserScope { service: service.id.clone() });
    }
    check_scope(service, scope)?;
    if scope == Scope::User && !service.hooks.is_empty() {
        return Err(CompileError::OfTheHost { service: service.id.clone(), key: "on" });
    }
    if scope == Scope::User && service.listen == Listen::Socket {
        return Err(CompileError::Socket { service: service.id.clone() });
    }
    let target = target_unit(&service.id);
    let mut set = UnitSet::default();
    for instance in 1..=service.instances {
        let unit = release.instance_unit(instance);
        let port = match (service.port, ports.get(&instance)) {
            (None, _) => None,
            (Some(_), Some(port)) => Some(*port),
            (Some(_), None) => {
                return Err(CompileError::NoPort { service: service.id.clone(), instance });
            }
        };
        let compiled = instance_unit(release, instance, port, record, scope, templates)?;
        set.links.insert(Link { by: target.clone(), unit: unit.clone() });
        set.units.insert(unit, compiled);
    }
    let description = match &service.description {
        Some(description) => description.to_string(),
        None => format!("All instances of {}", service.id),
    };
    let view = TargetView {
        id: service.id.as_str(),
        description: escape::description(&description),
        target: target.as_str(),
    };
    let text = templates.render(unit_templates::TARGET, &Values::new(&view))?;
    let text = hooks::with_hooks(text, service);
    set.links.insert(start_link(&service.id, scope));
    set.units.insert(target, Unit::new(text, metadata(service, Kind::Target)));
    Ok(set)
}

/// Compiles one instance.
#[expect(clippy::too_many_lines, reason = "a few lines for each part of the unit")]
pub(super) fn instance_unit(
    release: &Release<'_>,
    instance: u16,
    port: Option<Port>,
    record: Option<&Record>,
    scope: Scope,
    templates: &Templates,
) -> Result<Unit, CompileError> {
    let Release { service, revision, digest, renewed, images: _ } = release;
    let (unit_name, number) = (release.instance_unit(instance), instance.to_string());
    let (target, slice) = (target_unit(&service.id), slice_unit(&service.id));
    let endpoint = match service.listen {
        Listen::Address(listen) => port.map(|port| Endpoint::Tcp { listen, port }),
        Listen::Socket => Some(Endpoint::Socket(release.socket(instance))),
    };
    let listens_on = runtime::listens_on(service, port).map(|port| port.to_string());
    let tokens = Tokens {
        id: service.id.as_str(),
        revision: revision.as_str(),
        instance: &number,
        port: listens_on.as_deref(),
        socket: endpoint.as_ref().and_then(Endpoint::socket).map(HostPath::as_str),
    };
    let image = image(release, &tokens)?;
    check_volumes(service, &tokens)?;
    let engine_image = engine_image(release, &tokens)?;
    let pin = engine_image.as_ref().and_then(|image| release.pin(&release.name(), image, &tokens));
    let image_volumes = images::volumes(instance, pin.as_ref());
    let tag = pin.as_ref().map(|pin| pin.tag.as_str());
    let parts = runtime::parts(&runtime::Instance {
        service,
        unit: &unit_name,
        slice: &slice,
        image: tag.or(image.as_deref()),
        image_source: None,
        pinned: pin.is_some(),
        image_volumes: &image_volumes,
        tokens,
        endpoint: endpoint.as_ref(),
        scope,
        is_owner: true,
        run: None,
        collected: None,
    });
    // Without `..`: everything that a runtime adds has its place in the unit.
    let Parts {
        service_type,
        unit: of_runtime,
        mut exec,
        restart,
        health,
        environment,
        resources,
        limits,
        sandbox,
    } = parts;
    let mut unit = Lines::default();
    // A loaded target still wants what it wanted when it was loaded. So a unit that is no longer enabled must
    // not start with it, whether it is kept for a rollback or was removed.
    let units = Place::of(scope).units;
    unit.push("ConditionPathExists", format_args!("{units}/{target}.wants/%n"));
    unit.extend(of_runtime);
    if scope == Scope::System {
        unit.push("Wants", "network-online.target");
        unit.push("After", "network-online.target");
    }
    hooks::report(&mut unit, &mut exec, service, units);
    push_order(&mut unit, service);
    push_settings(&mut unit, service, "Unit");
    let mut settings = Lines::default();
    push_settings(&mut settings, service, "Service");
    let view = InstanceView {
        id: tokens.id,
        description: escape::description(&format!(
            "{} {}, instance {instance}",
            service.id,
            revision.short()
        )),
        revision: tokens.revision,
        instance: tokens.instance,
        port: tokens.port,
        target: target.as_str(),
        slice: slice.as_str(),
        r#type: service_type,
        stop_timeout: runtime::stop_deadline(service).to_string(),
        unit,
        exec,
        restart,
        health,
        environment,
        resources,
        limits,
        sandbox,
        settings,
    };
    let text = templates.render(unit_templates::INSTANCE, &Values::new(&view))?;
    let mut volumes = service.named_volumes();
    volumes.extend(image_volumes.into_iter().map(|(name, _)| name));
    let kind = Kind::Instance(Box::new(Instance {
        revision: revision.clone(),
        digest: digest.clone(),
        renewed: *renewed,
        number: instance,
        endpoint,
        ports: service.ports.clone(),
        image: engine_image,
        pin,
        contents: BTreeMap::new(),
        volumes,
        networks: release.network_settings(),
        pod: release.pod(),
        record: record.cloned(),
    }));
    Ok(Unit::new(text, metadata(service, kind)))
}

/// Adds the order after the services on which a service depends.
///
/// At boot, the first directive puts the jobs of the other service's instances into the queue, and the second waits for
/// them. Neither starts it: a service that an operator has stopped stays so.
fn push_order(unit: &mut Lines, service: &Service) {
    for id in service.depends_on.keys() {
        unit.push("After", start_unit(id));
        unit.push("After", target_unit(id));
    }
}

/// Returns the image of an instance: with its revision for an engine, else a path.
pub(super) fn image(
    release: &Release<'_>,
    tokens: &Tokens<'_>,
) -> Result<Option<String>, CompileError> {
    let service = release.service;
    let Some(image) = &service.image else {
        return Ok(None);
    };
    let text = tokens.expand(image.as_str());
    let checked = match service.runtime {
        Runtime::Native => text.parse::<HostPath>().map(|path| path.to_string()),
        Runtime::Docker | Runtime::Podman => {
            text.parse::<ImageReference>().map(|image| image.at(&release.revision).to_string())
        }
    };
    let wrong = |source| CompileError::Image { service: service.id.clone(), source };
    checked.map(Some).map_err(wrong)
}

/// Returns the image of a release, if a container engine has it.
pub(super) fn engine_image(
    release: &Release<'_>,
    tokens: &Tokens<'_>,
) -> Result<Option<EngineImage>, CompileError> {
    let engine = match release.service.runtime {
        Runtime::Native => return Ok(None),
        Runtime::Docker => Engine::Docker,
        Runtime::Podman => Engine::Podman,
    };
    Ok(image(release, tokens)?.map(|reference| EngineImage { engine, reference }))
}

/// Refuses what only the host's systemd can give to a native service: named volumes and capabilities.
pub(super) fn check_scope(service: &Service, scope: Scope) -> Result<(), CompileError> {
    if service.runtime != Runtime::Native || scope != Scope::User {
        return Ok(());
    }
    if service.volumes.iter().any(|volume| volume.name().is_some()) {
        return Err(CompileError::NamedVolume { service: service.id.clone() });
    }
    match service.cap_add.is_empty() {
        true => check_process(service),
        false => Err(CompileError::Capabilities { service: service.id.clone() }),
    }
}

/// Refuses keys that only the host's systemd can carry out.
fn check_process(service: &Service) -> Result<(), CompileError> {
    let Process { group_add, tmpfs, read_only, devices, .. } = &service.process;
    let keys = [
        ("group_add", !group_add.is_empty()),
        ("tmpfs", !tmpfs.is_empty()),
        ("read_only", *read_only == Some(true)),
        ("devices", !devices.is_empty()),
    ];
    match keys.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((key, _)) => Err(CompileError::OfTheHost { service: service.id.clone(), key }),
    }
}

/// Checks paths again with the values of tokens: a digest as revision contains a colon.
pub(super) fn check_volumes(service: &Service, tokens: &Tokens<'_>) -> Result<(), CompileError> {
    let volumes =
        service.volumes.iter().flat_map(|volume| volume.path().into_iter().chain([&volume.target]));
    for path in volumes {
        if let Err(source) = HostPath::with_spaces(&tokens.expand(path.as_str())) {
            return Err(CompileError::Volume { service: service.id.clone(), source });
        }
    }
    let Process { working_dir, tmpfs, .. } = &service.process;
    for path in working_dir.iter().chain(tmpfs.iter().map(|tmpfs| &tmpfs.target)) {
        if let Err(source) = tokens.expand(path.as_str()).parse::<HostPath>() {
            return Err(CompileError::Volume { service: service.id.clone(), source });
        }
    }
    Ok(())
}

fn push_settings(lines: &mut Lines, service: &Service, section: &str) {
    let tables = service.settings.iter().filter(|(name, _)| name.as_str() == section);
    for (directive, setting) in tables.flat_map(|(_, table)| table) {
        for value in setting.values() {
            lines.push(directive, value);
        }
    }
}

pub(super) fn metadata(service: &Service, kind: Kind) -> Metadata {
    let ServiceFields { id, application, .. } = &**service;
    let (service, application) = (Some(id.clone()), application.clone());
    Metadata { version: VERSION.to_owned(), rendered: None, service, application, kind }
}
