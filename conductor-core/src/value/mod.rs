//! The values in a definition, checked once, when they are read.
//!
//! Each is a newtype whose only constructor is `FromStr`; its `Display` reads back as the same value. The
//! forms are those of systemd, Docker and cron.

mod address;
mod capability;
mod character;
mod container;
mod cpu;
mod engine_option;
mod env_name;
mod fixed_port;
mod hook;
mod http;
mod image;
mod limit;
mod mail;
mod memory;
mod network;
mod path;
mod pids;
mod port;
mod schedule;
mod signal;
mod span;
mod subnet;
mod systemd;
mod tokens;
mod ulimit;
mod user;
mod volume;
mod words;

pub use address::{Endpoint, Listen, ListenAddress};
pub use capability::Capability;
pub use container::{
    Device, Gpus, IpcMode, LabelName, PidMode, Platform, SecurityOption, SysctlName, SysctlValue,
    Tmpfs, TmpfsOptions, UserNamespace,
};
pub use cpu::Cpu;
pub use engine_option::EngineOption;
#[cfg(test)]
pub(crate) use engine_option::instead_of;
pub use env_name::EnvName;
pub use fixed_port::{FixedPort, Protocol};
pub use hook::{HookText, HookUrl};
pub use http::{BodyText, HeaderName, HeaderValue, StatusCodes};
pub use image::{Digest, ImageReference};
pub use limit::{CpuSet, Iops, OomScore, Weight};
pub use mail::MailTo;
pub use memory::Memory;
pub use network::{ExtraHost, HostName, NameServer, SearchDomain};
pub use path::HostPath;
pub use pids::Pids;
pub use port::{Port, PortRange};
pub use schedule::{Calendar, Crontab, TimeZone};
pub use signal::Signal;
pub use span::Span;
pub use subnet::{DriverOptionName, DriverOptionValue, NetworkAddress, Subnet};
pub use systemd::{Directive, RuntimeDirectory, Section, Setting, UnitReference};
pub use tokens::{Tokenized, Tokens, literal};
pub(crate) use tokens::{token_names, unknown_token};
pub use ulimit::{Ulimit, UlimitName};
pub use user::{GroupName, User};
pub use volume::{Volume, VolumeOption, VolumeSource};
pub use words::{
    Argument, CredentialName, Description, EnvValue, FileSuffix, RequestPath, UpstreamName,
    UserName,
};
