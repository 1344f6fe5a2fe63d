//! Reads the metadata of a unit file.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Engine, EngineImage, EnginePod, HEADER, Instance, JobUnit, Kind, Metadata, Record, TimerUnit,
};
use crate::name::{JobName, NetworkName, ReleaseName, Revision, VolumeName, is_lower_hex};
use crate::service::NetworkSettings;
use crate::unit::contents::ContentHash;
use crate::unit::image::{LocalImage, Pin};
use crate::value::{Digest, Endpoint, FixedPort, HostPath, ListenAddress};

impl Metadata {
    /// Reads the metadata in the text of a unit file; `None` if the file is not conductor's.
    pub fn parse(text: &str) -> Option<Self> {
        let start = text.rfind(HEADER)?;
        if start > 0 && !text[..start].ends_with('\n') {
            return None;
        }
        let section = text[start + HEADER.len()..].lines().skip(1);
        let section = section.take_while(|line| !line.starts_with('['));
        let (mut version, mut rendered, mut kind) = (None, None, None);
        let (mut service, mut application) = (None, None);
        let mut fields = Fields::default();
        for (key, value) in section.filter_map(|line| line.split_once('=')) {
            // conductor writes no control characters.
            if value.contains(char::is_control) {
                return None;
            }
            match key {
                "Version" => version = Some(value.to_owned()),
                "Rendered" => rendered = Some(value.to_owned()),
                "Service" => service = Some(value.parse().ok()?),
                "Application" => application = Some(value.parse().ok()?),
                "Kind" => kind = Some(value),
                _ => fields.set(key, value)?,
            }
        }
        let kind = match kind? {
            "instance" => Kind::Instance(fields.instance()?.into()),
            "target" => Kind::Target,
            "slice" => Kind::Slice,
            "boot" => Kind::Boot,
            "shared" => Kind::Shared,
            "job" => Kind::Job(fields.job()?.into()),
            "timer" => Kind::Timer(TimerUnit { job: fields.job?, paused: fields.paused }),
            _ => return None,
        };
        let is_whole = service.is_some() != (kind == Kind::Shared);
        is_whole.then_some(Self { version: version?, rendered, service, application, kind })
    }
}

/// The fields of an instance, a job or a timer while they are read.
#[derive(Default)]
struct Fields<'t> {
    revision: Option<Revision>,
    digest: Option<&'t str>,
    renewed: u32,
    number: Option<u16>,
    job: Option<JobName>,
    release: Option<ReleaseName>,
    paused: Option<Timestamp>,
    listen: ListenAddress,
    endpoint: Option<Endpoint>,
    ports: Vec<FixedPort>,
    image: Option<EngineImage>,
    tag: Option<&'t str>,
    image_id: Option<Digest>,
    image_volumes: Vec<HostPath>,
    image_source: Option<&'t str>,
    contents: BTreeMap<HostPath, ContentHash>,
    volumes: Vec<VolumeName>,
    networks: BTreeMap<NetworkName, NetworkSettings>,
    pod: Option<EnginePod>,
    deployed: Option<Timestamp>,
    replaces: Option<ReleaseName>,
    undoes: Option<ReleaseName>,
    definition: Option<&'t str>,
}

impl<'t> Fields<'t> {
    /// Sets a field from a line; `None` if the line is damaged.
    fn set(&mut self, key: &str, value: &'t str) -> Option<()> {
        match key {
            "Revision" => self.revision = Some(value.parse().ok()?),
            "Digest" => self.digest = Some(value).filter(|digest| is_sha256(digest)),
            "Renewed" => self.renewed = value.parse().ok()?,
            "Instance" => self.number = Some(value.parse().ok()?),
            "Job" => self.job = Some(value.parse().ok()?),
            "Release" => self.release = Some(value.parse().ok()?),
            "Paused" => self.paused = Some(value.parse().ok()?),
            "Listen" => self.listen = value.parse().ok()?,
            "Port" => {
                self.endpoint =
                    Some(Endpoint::Tcp { listen: self.listen, port: value.parse().ok()? });
            }
            "Socket" => self.endpoint = Some(Endpoint::Socket(value.parse().ok()?)),
            "FixedPort" => self.ports.push(value.parse().ok()?),
            "Image" => {
                let (engine, reference) = value.split_once(' ')?;
                let engines = [Engine::Docker, Engine::Podman].into_iter();
                let engine = engines.into_iter().find(|known| known.program() == engine)?;
                self.image = Some(EngineImage { engine, reference: reference.to_owned() });
            }
            "Tag" => self.tag = Some(value),
            "ImageId" => self.image_id = Some(value.parse().ok()?),
            "ImageSource" => self.image_source = Some(value),
            "ImageVolume" => self.image_volumes.push(value.parse().ok()?),
            "Content" => {
                let (hash, path) = value.split_once(' ')?;
                self.contents.insert(path.parse().ok()?, hash.parse().ok()?);
            }
            "Volume" => self.volumes.push(value.parse().ok()?),
            "Network" => {
                self.networks.insert(value.parse().ok()?, NetworkSettings::default());
            }
            "NetworkSettings" => {
                let (name, settings) = value.split_once(' ')?;
                let settings = serde_json::from_str(settings).ok()?;
                *self.networks.get_mut(&name.parse().ok()?)? = settings;
            }
            "Pod" => {
                self.pod = Some(EnginePod { name: value.parse().ok()?, options: Vec::new() });
            }
            "PodOption" => self.pod.as_mut()?.options.push(value.to_owned()),
            "Deployed" => self.deployed = Some(value.parse().ok()?),
            "Replaces" => self.replaces = Some(value.parse().ok()?),
            "Undoes" => self.undoes = Some(value.parse().ok()?),
            "Definition" => self.definition = Some(value),
            // A newer version may have more keys.
            _ => {}
        }
        Some(())
    }

    fn record(&self) -> Option<Record> {
        self.deployed.map(|deployed| Record {
            deployed,
            replaces: self.replaces.clone(),
            undoes: self.undoes.clone(),
            definition: self.definition.map(str::to_owned),
        })
    }

    fn pin(&mut self) -> Option<Pin> {
        let volumes = std::mem::take(&mut self.image_volumes);
        let source = self.image_source.map(str::to_owned);
        let image = self.image_id.take().map(|id| LocalImage { id, volumes, source });
        self.tag.map(|tag| Pin { tag: tag.to_owned(), image })
    }

    fn job(mut self) -> Option<JobUnit> {
        let (record, pin) = (self.record(), self.pin());
        Some(JobUnit {
            name: self.job?,
            revision: self.revision?,
            release: self.release?,
            image: self.image,
            pin,
            volumes: self.volumes,
            networks: self.networks,
            pod: self.pod,
            record,
        })
    }

    fn instance(mut self) -> Option<Instance> {
        let (record, pin) = (self.record(), self.pin());
        Some(Instance {
            revision: self.revision?,
            digest: self.digest?.to_owned(),
            renewed: self.renewed,
            number: self.number?,
            endpoint: self.endpoint,
            ports: self.ports,
            image: self.image,
            pin,
            contents: self.contents,
            volumes: self.volumes,
            networks: self.networks,
            pod: self.pod,
            record,
        })
    }
}

fn is_sha256(digest: &str) -> bool {
    digest.len() == 64 && digest.bytes().all(is_lower_hex)
}
