//! The effects: files, locks, ports and systemd. Each part is small and does one thing.

pub(crate) mod atomic;
mod crontabs;
mod definitions;
mod directory;
pub mod images;
mod jobs;
mod journal;
pub mod last_port;
mod listeners;
mod lock;
mod manager;
mod observe;
mod one_off;
mod paths;
mod proxy;
mod scheduled;
mod settings;
mod settle;
pub mod sockets;
mod systemd;
mod zones;

pub use crontabs::{crontabs_in, read_crontab};
pub use definitions::{defined_services, find_definition, read_definitions};
pub use directory::{DirectoryError, UnitDirectory};
pub use jobs::{Job, JobError};
pub use journal::{Follower, JournalQuery, LastWords, last_words};
pub use listeners::listening_ports;
pub use lock::{Lock, LockError};
pub(crate) use one_off::Meeting;
pub use one_off::{Controller, Ends, UnitEnd};
pub use paths::Paths;
pub use proxy::{OldWorkers, Proxies, ProxyError};
pub use scheduled::{End, JobDetails};
pub use settings::{ProxySettings, Settings};
pub use systemd::{Systemd, SystemdError, UnitDetails};
pub use zones::{local_time_zone, time_zone};
