//! The effects: files, locks, ports and systemd. Each part is small and does one thing.

mod definitions;
mod directory;
mod jobs;
mod journal;
mod listeners;
mod lock;
mod manager;
mod observe;
mod paths;
mod settings;
mod settle;
mod systemd;

pub use definitions::read_definitions;
pub use directory::{DirectoryError, UnitDirectory};
pub use jobs::{Job, JobError};
pub use journal::{JournalQuery, tail};
pub use listeners::listening_ports;
pub use lock::{Lock, LockError};
pub use paths::Paths;
pub use settings::{ProxySettings, Settings};
pub use systemd::{Systemd, SystemdError, UnitDetails};
