//! Converts volumes, directories in memory and secrets.

use conductor_core::value::{HostPath, Volume, VolumeOption, VolumeSource};

use super::Conversion;
use super::model::{Bind, Mount, Secret, SecretMount, Service, TmpfsOptions};
use crate::given::Given;
use crate::text::size;

impl Conversion<'_> {
    pub(super) fn mounts(&mut self, given: &Given<'_>, instance: &str, service: &mut Service) {
        for (index, volume) in given.service.volumes.iter().enumerate() {
            let mount = self.mount(given, volume, instance, &format!("volumes[{index}]"));
            service.volumes.push(mount);
        }
        let process = &given.service.process;
        if !self.is_swarm() {
            let text = |target: &HostPath| given.text(target.as_str(), instance);
            service.tmpfs = process
                .tmpfs
                .iter()
                .map(|tmpfs| match &tmpfs.options {
                    Some(options) => format!("{}:{options}", text(&tmpfs.target)).into(),
                    None => text(&tmpfs.target).into(),
                })
                .collect();
            service.shm_size = process.shm_size.map(|bytes| size(bytes.bytes()));
            return;
        }
        for (index, tmpfs) in process.tmpfs.iter().enumerate() {
            let given_options = tmpfs.options.as_ref().map_or("", |options| options.as_str());
            let mut options = TmpfsOptions::default();
            for option in given_options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", text)) if bytes(text).is_some() => options.size = bytes(text),
                    // It is the engine's default. `docker stack deploy` ignores any other without a word.
                    Some(("mode", text)) if u32::from_str_radix(text, 8) == Ok(0o1777) => {}
                    _ => self.report.leave_out(
                        given.service,
                        &format!("tmpfs[{index}]"),
                        &format!("{option} is an option of the directory in memory"),
                        "",
                    ),
                }
            }
            let target = given.text(tmpfs.target.as_str(), instance);
            service.volumes.push(in_memory(&target, options));
        }
        if let Some(memory) = process.shm_size {
            let options = TmpfsOptions { size: Some(memory.bytes()) };
            service.volumes.push(in_memory("/dev/shm", options));
        }
    }

    fn mount(&mut self, given: &Given<'_>, volume: &Volume, instance: &str, path: &str) -> Mount {
        let Volume { source, target, read_only, options } = volume;
        let mut bind = Bind::default();
        for option in options {
            match option {
                VolumeOption::SharedLabel | VolumeOption::OwnLabel if !self.is_swarm() => {
                    bind.selinux = Some(option.as_str());
                }
                option if option.is_propagation() => bind.propagation = Some(option.as_str()),
                option => self.report.leave_out(
                    given.service,
                    path,
                    &format!("{} is an option of the mount", option.as_str()),
                    "",
                ),
            }
        }
        let target = self.template(&given.text(target.as_str(), instance)).into();
        match source {
            VolumeSource::Path(source) => {
                if self.is_swarm() {
                    self.report.note(given.service, path, "the directory has to be on each node");
                } else {
                    // As with conductor: an empty directory in its place would look like lost data.
                    bind.create_host_path = Some(false);
                }
                Mount {
                    r#type: "bind",
                    source: Some(self.template(&given.text(source.as_str(), instance)).into()),
                    target,
                    read_only: *read_only,
                    bind: Some(bind).filter(|bind| *bind != Bind::default()),
                    tmpfs: None,
                }
            }
            VolumeSource::Named(name) => {
                let key = self.volumes[&(given.service.id.clone(), name.clone())].clone();
                let (engine, external) = given.engine_volume(name);
                if self.is_swarm() {
                    self.report.note(
                        given.service,
                        path,
                        "each node has a volume of its own: keep the service on one with deploy.placement",
                    );
                }
                if external {
                    let make =
                        format!("make it, unless it is there: docker volume create {engine}");
                    self.report.note(given.service, path, make);
                }
                let of_file = super::model::Volume { name: Some(engine.into()), external };
                self.file.volumes.insert(key.clone(), of_file);
                if bind != Bind::default() {
                    let does = "it sets options of the mount of a volume";
                    self.report.leave_out(given.service, path, does, "");
                }
                Mount {
                    r#type: "volume",
                    source: Some(key.into()),
                    target,
                    read_only: *read_only,
                    bind: None,
                    tmpfs: None,
                }
            }
        }
    }

    pub(super) fn secrets(&mut self, given: &Given<'_>, service: &mut Service) {
        for (name, path) in &given.service.secrets {
            let plain = name.to_string();
            let source = match self.secrets.get(&plain) {
                Some(other) if other != path => format!("{}-{plain}", given.service.id),
                _ => plain.clone(),
            };
            self.secrets.insert(source.clone(), path.clone());
            self.file.secrets.insert(source.clone(), Secret { file: path.into() });
            if !self.is_swarm() {
                self.report.note(
                    given.service,
                    &format!("secrets.{name}"),
                    format!("the user of the container must be able to read {path}"),
                );
            }
            service.secrets.push(SecretMount { source, target: plain.into() });
        }
    }
}

fn in_memory(target: &str, options: TmpfsOptions) -> Mount {
    Mount {
        r#type: "tmpfs",
        target: target.into(),
        tmpfs: Some(options).filter(|options| *options != TmpfsOptions::default()),
        ..Mount::default()
    }
}

/// Returns the bytes of a size of tmpfs(5): `64m`.
fn bytes(text: &str) -> Option<u64> {
    let (number, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}
