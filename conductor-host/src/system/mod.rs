//! The real host: files, the lock, ports, proxies and systemd.

pub(crate) mod atomic;
mod clock;
pub(crate) mod contents;
mod crontabs;
mod deadlines;
mod definitions;
mod directory;
mod explain;
mod history;
mod host;
pub mod images;
mod imports;
mod journal;
pub mod last_port;
mod last_words;
mod leftovers;
mod listeners;
mod lock;
pub mod networks;
mod new_directory;
mod observe;
pub(crate) mod open;
mod outcome;
mod paths;
pub(crate) mod program;
mod proxy;
pub(crate) mod results;
mod run;
mod scheduled;
mod settings;
pub mod sockets;
mod systemd;
mod systemd_jobs;
mod textfile;
mod trust;
pub(crate) mod verify;
pub(crate) mod volumes;
mod zones;

pub use conductor_core::settings::{ProxySettings, Settings};
pub use crontabs::{crontabs_in, read_crontab, read_open_crontab, session_gives, session_lacks};
pub use definitions::defined_services;
pub(crate) use definitions::{
    find_definition, good_definitions, good_definitions_of, read_definitions, read_template,
    unread_directories,
};
pub use directory::{DirectoryError, UnitDirectory};
pub use history::{Invocation, Outcomes, invocations, outcomes};
pub(crate) use host::SystemHost;
pub use images::EngineError;
pub use imports::{NewFile, drop_ins, files_in, read_import, write_definitions};
pub use journal::{Follower, JournalQuery};
pub use last_words::{LastWords, last_words};
pub use listeners::{listeners, listening_ports};
pub use lock::{Lock, LockError};
pub use paths::Paths;
pub use proxy::{OldWorkers, Proxies, ProxyError};
pub use run::{Controller, InputOutput, UnitEnd};
pub(crate) use run::{Expected, RunSocket, RunSocketError};
pub use scheduled::{CommandEnd, JobDetails};
pub use settings::read_settings;
pub use systemd::{States, Systemd, SystemdError, UnitDetails, UnitUsage};
pub(crate) use systemd_jobs::TIMEOUT;
pub use systemd_jobs::{JobError, JobType};
pub use textfile::write_textfile;
pub use trust::Trust;
pub use zones::{local_time_zone, time_zone};
