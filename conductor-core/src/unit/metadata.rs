//! The `[X-Conductor]` section, by which a unit file says whose it is and what it stands for.
//!
//! systemd ignores sections whose names begin with `X-` (systemd.syntax(7)). The section is added
//! behind the rendered template, so that no template of the user's can lose it.

use std::fmt;

use crate::name::{Revision, ServiceId, is_lower_hex};
use crate::value::Port;

const HEADER: &str = "[X-Conductor]";

/// What conductor knows about one of its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The version of conductor that wrote the file.
    pub version: String,
    /// The service the unit belongs to.
    pub service: ServiceId,
    /// What the unit is to the service.
    pub kind: Kind,
}

/// What a unit is to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One instance of a release.
    Instance {
        /// The revision that runs.
        revision: Revision,
        /// The SHA-256 of all that makes up an instance, in hexadecimal.
        digest: String,
        /// The number of the instance, from 1.
        instance: u16,
        /// The port of the host that it was given.
        port: Option<Port>,
    },
    /// The target of the service.
    Target,
    /// The slice of the service.
    Slice,
    /// What starts the target when the host boots.
    Boot,
}

impl Kind {
    /// Tells whether it is an instance.
    pub fn is_instance(&self) -> bool {
        matches!(self, Self::Instance { .. })
    }
}

impl Metadata {
    /// Finds the metadata in the text of a unit file; `None` if the file is not conductor's.
    pub fn parse(text: &str) -> Option<Self> {
        let start = text.rfind(HEADER)?;
        if start > 0 && !text[..start].ends_with('\n') {
            return None;
        }
        let section = text[start + HEADER.len()..].lines().skip(1);
        let section = section.take_while(|line| !line.starts_with('['));
        let (mut version, mut service, mut kind) = (None, None, None);
        let (mut revision, mut digest, mut instance, mut port) = (None, None, None, None);
        for (key, value) in section.filter_map(|line| line.split_once('=')) {
            match key {
                "Version" => version = Some(value.to_owned()),
                "Service" => service = value.parse().ok(),
                "Kind" => kind = Some(value),
                "Revision" => revision = value.parse().ok(),
                "Digest" => digest = Some(value.to_owned()).filter(|digest| is_sha256(digest)),
                "Instance" => instance = value.parse().ok(),
                "Port" => port = Some(value.parse().ok()?),
                // A newer version may know more.
                _ => {}
            }
        }
        let kind = match kind? {
            "instance" => {
                Kind::Instance { revision: revision?, digest: digest?, instance: instance?, port }
            }
            "target" => Kind::Target,
            "slice" => Kind::Slice,
            "boot" => Kind::Boot,
            _ => return None,
        };
        Some(Self { version: version?, service: service?, kind })
    }
}

fn is_sha256(digest: &str) -> bool {
    digest.len() == 64 && digest.bytes().all(is_lower_hex)
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, service, kind } = self;
        writeln!(f, "{HEADER}")?;
        writeln!(f, "Version={version}")?;
        writeln!(f, "Service={service}")?;
        match kind {
            Kind::Instance { revision, digest, instance, port } => {
                writeln!(f, "Kind=instance")?;
                writeln!(f, "Revision={revision}")?;
                writeln!(f, "Digest={digest}")?;
                writeln!(f, "Instance={instance}")?;
                if let Some(port) = port {
                    writeln!(f, "Port={port}")?;
                }
                Ok(())
            }
            Kind::Target => writeln!(f, "Kind=target"),
            Kind::Slice => writeln!(f, "Kind=slice"),
            Kind::Boot => writeln!(f, "Kind=boot"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let kinds = [
            Kind::Target,
            Kind::Slice,
            Kind::Boot,
            Kind::Instance {
                revision: "v1".parse().unwrap(),
                digest: "ab".repeat(32),
                instance: 3,
                port: Some("20001".parse().unwrap()),
            },
        ];
        for kind in kinds {
            let metadata =
                Metadata { version: "0.1.0".into(), service: "web".parse().unwrap(), kind };
            let text = format!("[Unit]\nDescription=x\n\n{metadata}");
            assert_eq!(Metadata::parse(&text), Some(metadata));
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
        ] {
            assert_eq!(Metadata::parse(text), None, "{text:?}");
        }
    }
}
