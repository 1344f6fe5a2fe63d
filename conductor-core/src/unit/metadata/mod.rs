//! The `[X-Conductor]` section: the metadata of a unit file.
//!
//! systemd ignores sections whose names begin with `X-` (systemd.syntax(7)). The section is appended to the
//! rendered template, so that every unit has it, whatever its template.

mod read;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::contents::ContentHash;
use super::image::Pin;
use crate::name::{JobName, NetworkName, PodName, ReleaseName, Revision, ServiceId, VolumeName};
use crate::service::NetworkSettings;
use crate::unit::hex;
use crate::value::{Endpoint, FixedPort, HostPath};

pub(super) const HEADER: &str = "[X-Conductor]";

/// The metadata of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The version of conductor that wrote the file.
    pub version: String,
    /// The fingerprint of the text that was rendered, by which an edit is seen; older versions wrote none.
    pub rendered: Option<String>,
    /// The service the unit belongs to; `None` if all services share it.
    pub service: Option<ServiceId>,
    /// The application of which that service is a process.
    pub application: Option<ServiceId>,
    /// The kind of unit.
    pub kind: Kind,
}

/// The kind of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One instance of a release.
    Instance(Box<Instance>),
    /// The target of the service.
    Target,
    /// The slice of the service. Older versions wrote a file for it.
    Slice,
    /// The unit that starts the target when the host boots. Older versions wrote one for each service.
    Boot,
    /// A unit that all services share.
    Shared,
    /// The service of a job.
    Job(Box<JobUnit>),
    /// The timer of a job.
    Timer(TimerUnit),
}

/// The metadata of a job's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobUnit {
    /// The job's name within its service.
    pub name: JobName,
    /// The revision that it runs.
    pub revision: Revision,
    /// The release of that revision.
    pub release: ReleaseName,
    /// The image of its container, if it runs in one.
    pub image: Option<EngineImage>,
    /// The tag under which that image is kept, if it is.
    pub pin: Option<Pin>,
    /// Its named volumes.
    pub volumes: Vec<VolumeName>,
    /// The networks of its container, each with how it is made.
    pub networks: BTreeMap<NetworkName, NetworkSettings>,
    /// The pod of its container.
    pub pod: Option<EnginePod>,
    /// When that release was deployed.
    pub record: Option<Record>,
}

/// The metadata of a job's timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerUnit {
    /// The job's name within its service.
    pub job: JobName,
    /// The time at which an operator paused it, if it is paused.
    pub paused: Option<Timestamp>,
}

/// The metadata of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The revision that runs.
    pub revision: Revision,
    /// The SHA-256 of the release's revision and configuration, in hexadecimal.
    pub digest: String,
    /// How often the release was renewed: started anew with the same revision and configuration.
    pub renewed: u32,
    /// The number of the instance, from 1.
    pub number: u16,
    /// The address at which it is reached, if it has one.
    pub endpoint: Option<Endpoint>,
    /// The ports of the host that it always has.
    pub ports: Vec<FixedPort>,
    /// The image of its container, if it runs in one.
    pub image: Option<EngineImage>,
    /// The tag under which that image is kept, if it is. Versions before did not keep images.
    pub pin: Option<Pin>,
    /// The contents of the files that it read when it was deployed, where they count.
    pub contents: BTreeMap<HostPath, ContentHash>,
    /// Its named volumes.
    pub volumes: Vec<VolumeName>,
    /// The networks of its container, each with how it is made.
    pub networks: BTreeMap<NetworkName, NetworkSettings>,
    /// The pod of its container.
    pub pod: Option<EnginePod>,
    /// When its release was deployed, if this is known.
    pub record: Option<Record>,
}

/// An image of a container engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineImage {
    /// The engine.
    pub engine: Engine,
    /// The image, with its tag or digest.
    pub reference: String,
}

/// A named volume of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedVolume {
    /// The engine that has it; `None` for a directory of a native service.
    pub engine: Option<Engine>,
    /// Its name within the service.
    pub name: VolumeName,
}

/// A pod of podman, and how it is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnginePod {
    /// Its name.
    pub name: PodName,
    /// The options with which podman makes it.
    pub options: Vec<String>,
}

impl EnginePod {
    /// Returns a short digest, by which it is seen whether a pod was made otherwise.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.options.join("\n"))[..8])
    }
}

/// A network of a container engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineNetwork {
    /// The engine that has it.
    pub engine: Engine,
    /// Its name.
    pub name: NetworkName,
}

/// A container engine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Engine {
    /// Returns the name of its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl fmt::Display for EngineImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.engine.program(), self.reference)
    }
}

/// The record of a deploy: its time, and the releases before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The time of the deploy. The release with the newest one is the current release.
    pub deployed: Timestamp,
    /// The release that it replaced, to which a rollback goes back.
    pub replaces: Option<ReleaseName>,
    /// The release that was rolled back to this one.
    pub undoes: Option<ReleaseName>,
    /// The file of its definition.
    pub definition: Option<String>,
}

impl Kind {
    /// Returns whether it is an instance.
    pub fn is_instance(&self) -> bool {
        self.instance().is_some()
    }

    /// Returns the instance, if it is one.
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Instance(instance) => Some(instance),
            Self::Target
            | Self::Slice
            | Self::Boot
            | Self::Shared
            | Self::Job(_)
            | Self::Timer(_) => None,
        }
    }

    /// Returns the job, if it is the service of one.
    pub fn job(&self) -> Option<&JobUnit> {
        match self {
            Self::Job(job) => Some(job),
            _ => None,
        }
    }

    /// Returns the timer, if it is one.
    pub fn timer(&self) -> Option<&TimerUnit> {
        match self {
            Self::Timer(timer) => Some(timer),
            _ => None,
        }
    }

    /// Returns the named volumes that it uses.
    pub fn volumes(&self) -> impl Iterator<Item = NamedVolume> {
        let (names, image): (&[_], _) = match self {
            Self::Instance(instance) => (&instance.volumes, &instance.image),
            Self::Job(job) => (&job.volumes, &job.image),
            _ => (&[], &None),
        };
        let engine = image.as_ref().map(|image| image.engine);
        names.iter().map(move |name| NamedVolume { engine, name: name.clone() })
    }

    /// Returns the networks of its container.
    pub fn networks(&self) -> impl Iterator<Item = EngineNetwork> {
        self.network_settings().map(|(network, _)| network)
    }

    /// Returns the pod of its container.
    pub fn pod(&self) -> Option<&EnginePod> {
        match self {
            Self::Instance(instance) => instance.pod.as_ref(),
            Self::Job(job) => job.pod.as_ref(),
            _ => None,
        }
    }

    /// Returns the networks of its container, each with how it is made.
    pub fn network_settings(&self) -> impl Iterator<Item = (EngineNetwork, &NetworkSettings)> {
        let found = match self {
            Self::Instance(instance) => Some((&instance.networks, instance.image.as_ref())),
            Self::Job(job) => Some((&job.networks, job.image.as_ref())),
            _ => None,
        };
        found.into_iter().filter_map(|(networks, image)| Some((networks, image?.engine))).flat_map(
            |(networks, engine)| {
                networks.iter().map(move |(name, settings)| {
                    (EngineNetwork { engine, name: name.clone() }, settings)
                })
            },
        )
    }

    /// Returns the tag under which its image is kept, if it is, as an image of the engine.
    pub fn pinned(&self) -> Option<(EngineImage, &Pin)> {
        let pin = match self {
            Self::Instance(instance) => instance.pin.as_ref(),
            Self::Job(job) => job.pin.as_ref(),
            Self::Target | Self::Slice | Self::Boot | Self::Shared | Self::Timer(_) => None,
        }?;
        let engine = self.image()?.engine;
        Some((EngineImage { engine, reference: pin.tag.clone() }, pin))
    }

    /// Returns the image of its container, if it runs in one.
    pub fn image(&self) -> Option<&EngineImage> {
        match self {
            Self::Instance(instance) => instance.image.as_ref(),
            Self::Job(job) => job.image.as_ref(),
            Self::Target | Self::Slice | Self::Boot | Self::Shared | Self::Timer(_) => None,
        }
    }
}

impl Instance {
    /// Returns the name of its release.
    pub fn release(&self) -> ReleaseName {
        ReleaseName::new(&self.revision, &self.digest)
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, rendered, service, application, kind } = self;
        writeln!(f, "{HEADER}")?;
        writeln!(f, "Version={version}")?;
        if let Some(fingerprint) = rendered {
            writeln!(f, "Rendered={fingerprint}")?;
        }
        if let Some(service) = service {
            writeln!(f, "Service={service}")?;
        }
        if let Some(application) = application {
            writeln!(f, "Application={application}")?;
        }
        match kind {
            Kind::Instance(instance) => write!(f, "Kind=instance\n{instance}"),
            Kind::Target => writeln!(f, "Kind=target"),
            Kind::Slice => writeln!(f, "Kind=slice"),
            Kind::Boot => writeln!(f, "Kind=boot"),
            Kind::Shared => writeln!(f, "Kind=shared"),
            Kind::Job(job) => write!(f, "Kind=job\n{job}"),
            Kind::Timer(TimerUnit { job, paused }) => {
                writeln!(f, "Kind=timer\nJob={job}")?;
                paused.map_or(Ok(()), |since| writeln!(f, "Paused={since}"))
            }
        }
    }
}

impl fmt::Display for JobUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, revision, release, image, pin, volumes, networks, pod, record } = self;
        writeln!(f, "Job={name}")?;
        writeln!(f, "Revision={revision}")?;
        writeln!(f, "Release={release}")?;
        image.as_ref().map_or(Ok(()), |image| writeln!(f, "Image={image}"))?;
        pin.as_ref().map_or(Ok(()), |pin| pin.fmt(f))?;
        volumes.iter().try_for_each(|volume| writeln!(f, "Volume={volume}"))?;
        write_networks(f, networks)?;
        write_pod(f, pod.as_ref())?;
        record.as_ref().map_or(Ok(()), |record| record.fmt(f))
    }
}

/// Older versions do not read how a network is made, so this has a key of its own.
fn write_networks(
    f: &mut fmt::Formatter<'_>,
    networks: &BTreeMap<NetworkName, NetworkSettings>,
) -> fmt::Result {
    for (name, settings) in networks {
        writeln!(f, "Network={name}")?;
        if !settings.is_default() {
            writeln!(f, "NetworkSettings={name} {settings}")?;
        }
    }
    Ok(())
}

fn write_pod(f: &mut fmt::Formatter<'_>, pod: Option<&EnginePod>) -> fmt::Result {
    let Some(EnginePod { name, options }) = pod else { return Ok(()) };
    writeln!(f, "Pod={name}")?;
    options.iter().try_for_each(|option| writeln!(f, "PodOption={option}"))
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without `..`: what is not written is lost.
        let Self {
            revision,
            digest,
            renewed,
            number,
            endpoint,
            ports,
            image,
            pin,
            contents,
            volumes,
            networks,
            pod,
            record,
        } = self;
        writeln!(f, "Revision={revision}")?;
        writeln!(f, "Digest={digest}")?;
        if *renewed > 0 {
            writeln!(f, "Renewed={renewed}")?;
        }
        writeln!(f, "Instance={number}")?;
        match endpoint {
            // The address comes first: it is needed to read the port.
            Some(Endpoint::Tcp { listen, port }) => writeln!(f, "Listen={listen}\nPort={port}")?,
            Some(Endpoint::Socket(path)) => writeln!(f, "Socket={path}")?,
            None => {}
        }
        ports.iter().try_for_each(|port| writeln!(f, "FixedPort={port}"))?;
        image.as_ref().map_or(Ok(()), |image| writeln!(f, "Image={image}"))?;
        pin.as_ref().map_or(Ok(()), |pin| pin.fmt(f))?;
        for (path, hash) in contents {
            writeln!(f, "Content={hash} {path}")?;
        }
        volumes.iter().try_for_each(|volume| writeln!(f, "Volume={volume}"))?;
        write_networks(f, networks)?;
        write_pod(f, pod.as_ref())?;
        record.as_ref().map_or(Ok(()), |record| record.fmt(f))
    }
}

/// Formats the record as lines of the section.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deployed, replaces, undoes, definition } = self;
        writeln!(f, "Deployed={deployed}")?;
        if let Some(release) = replaces {
            writeln!(f, "Replaces={release}")?;
        }
        if let Some(release) = undoes {
            writeln!(f, "Undoes={release}")?;
        }
        match definition {
            // A file name may contain anything. It is only for people, so it may be left out.
            Some(path) if !path.contains(char::is_control) => writeln!(f, "Definition={path}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{ContentKey, LocalImage};

    fn instance() -> Instance {
        Instance {
            revision: "v1".parse().unwrap(),
            digest: "ab".repeat(32),
            renewed: 2,
            number: 3,
            endpoint: Some(Endpoint::Tcp {
                listen: "10.0.0.5".parse().unwrap(),
                port: "20001".parse().unwrap(),
            }),
            ports: vec!["127.0.0.1:80:80".parse().unwrap(), "53:53/udp".parse().unwrap()],
            image: Some(EngineImage { engine: Engine::Podman, reference: "a/b:v1".into() }),
            pin: Some(Pin {
                tag: "localhost/conductor:web.v1.ababab".into(),
                image: Some(LocalImage {
                    id: format!("sha256:{}", "0a".repeat(32)).parse().unwrap(),
                    volumes: vec!["/data".parse().unwrap(), "/var/lib/x".parse().unwrap()],
                    source: Some(format!("a/b@sha256:{}", "0b".repeat(32))),
                }),
            }),
            contents: [("/etc/web.env".parse().unwrap(), ContentKey::new([7; 32]).hash(b"A=b"))]
                .into(),
            volumes: vec!["a".parse().unwrap(), "b-c".parse().unwrap()],
            networks: [
                ("backend".parse().unwrap(), NetworkSettings::default()),
                (
                    "Shop_default".parse().unwrap(),
                    NetworkSettings {
                        internal: true,
                        enable_ipv6: true,
                        subnets: ["172.28.0.0/16".parse().unwrap(), "fd00::/64".parse().unwrap()]
                            .into(),
                        gateways: ["172.28.0.1".parse().unwrap()].into(),
                        driver_opts: [("mtu".parse().unwrap(), "1450".parse().unwrap())].into(),
                    },
                ),
            ]
            .into(),
            pod: Some(EnginePod {
                name: "shop".parse().unwrap(),
                options: ["--publish=80:80", "--sysctl=a=b c"].map(str::to_owned).into(),
            }),
            record: Some(Record {
                deployed: "2026-11-25T01:02:03.000004Z".parse().unwrap(),
                replaces: Some("v0.abcdef".parse().unwrap()),
                undoes: Some("v2.012345".parse().unwrap()),
                definition: Some("/etc/conductor/services/web.yaml".into()),
            }),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let socket = Endpoint::Socket("/run/web.sock".parse().unwrap());
        let kinds = [
            Kind::Target,
            Kind::Slice,
            Kind::Boot,
            Kind::Shared,
            Kind::Instance(instance().into()),
            Kind::Instance(Instance { endpoint: Some(socket), ..instance() }.into()),
            Kind::Instance(
                Instance {
                    pin: instance().pin.map(|pin| Pin { image: None, ..pin }),
                    ..instance()
                }
                .into(),
            ),
            Kind::Instance(
                Instance {
                    renewed: 0,
                    endpoint: None,
                    image: None,
                    pin: None,
                    contents: BTreeMap::new(),
                    record: None,
                    ..instance()
                }
                .into(),
            ),
        ];
        let record = instance().record;
        let job = JobUnit {
            name: "tidy".parse().unwrap(),
            revision: "v1".parse().unwrap(),
            release: "v1.abcdef".parse().unwrap(),
            image: instance().image,
            pin: instance().pin,
            volumes: instance().volumes,
            networks: instance().networks,
            pod: instance().pod,
            record: record.clone(),
        };
        let timer = TimerUnit { job: job.name.clone(), paused: None };
        let paused = TimerUnit { paused: record.map(|record| record.deployed), ..timer.clone() };
        let bare = JobUnit { image: None, pin: None, record: None, ..job.clone() };
        let scheduled = [
            Kind::Job(job.into()),
            Kind::Job(bare.into()),
            Kind::Timer(timer),
            Kind::Timer(paused),
        ];
        for kind in kinds.into_iter().chain(scheduled) {
            let rendered = kind.is_instance().then(|| "0123456789abcdef".into());
            let service = (kind != Kind::Shared).then(|| "web".parse().unwrap());
            let application = service.clone().filter(|_| kind == Kind::Target);
            let version = "0.1.0".into();
            let metadata = Metadata { version, rendered, service, application, kind };
            let text = format!("[Unit]\nDescription=x\n\n{metadata}");
            assert_eq!(Metadata::parse(&text), Some(metadata), "{text}");
        }
    }

    #[test]
    fn other_files_are_foreign() {
        for text in [
            "",
            "[Unit]\n",
            "[X-Conductor]\n",
            "# [X-Conductor]\nVersion=1\nService=web\nKind=slice\n",
            "[X-Conductor]\nVersion=1\nService=../web\nKind=slice\n",
            "[X-Conductor]\nVersion=1\nService=web\nKind=other\n",
            "[X-Conductor]\nVersion=1\nService=web\nKind=shared\n",
            "[X-Conductor]\nVersion=1\nKind=target\n",
            "[X-Conductor]\nVersion=1\u{1b}\nService=web\nKind=slice\n",
        ] {
            assert_eq!(Metadata::parse(text), None, "{text:?}");
        }
    }
}
