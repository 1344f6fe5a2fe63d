//! The kinds of the facade's errors.

use super::error::Error;
use crate::system::LockError;

/// Declares the kinds, and a list of all of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// What is wrong, for programs: one kind for the errors about which a caller does the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// All of them. Each is a row in the command line's table, too.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }
    };
}

kinds! {
    /// Definitions or host settings have errors.
    Definition,
    /// A template has an error.
    Template,
    /// A service does not compile.
    Compile,
    /// No port in the range is free.
    Ports,
    /// A file that does not belong to conductor is in the way.
    ForeignFile,
    /// An upstream is still in the file of another service.
    UpstreamTaken,
    /// The probe is not at the path that units use.
    NoProbe,
    /// The probe is older than this library.
    OldProbe,
    /// Users other than root can change the probe.
    UnsafeProbe,
    /// The programs that are to be installed do not suit.
    Install,
    /// There is no such service on this host.
    UnknownService,
    /// There is no such job on this host.
    UnknownJob,
    /// The job is already running.
    JobRuns,
    /// systemd does not start the job.
    JobRefused,
    /// An image cannot be pulled.
    Pull,
    /// A network cannot be made.
    Network,
    /// A pod cannot be made.
    Pod,
    /// systemd did not run the command.
    NotBegun,
    /// A timer on the host has an unknown calendar event or time zone.
    Timer,
    /// systemd is needed, and the files belong to another root.
    Offline,
    /// No definition has this id.
    UndefinedService,
    /// There is no such release to go back to.
    NoRollback,
    /// It needs one service, or a whole application.
    Application,
    /// The definition describes another release than the current one.
    RedefinedService,
    /// Another conductor process changes the host; or this one does, and its watcher cannot.
    Locked,
    /// An error of the file system.
    File,
    /// A proxy cannot be tested or reloaded.
    Proxy,
    /// systemd does not answer, or is too old.
    Systemd,
}

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Definition(_) | Self::NoRevision(_) => ErrorKind::Definition,
            Self::Template(_) | Self::NoTemplates { .. } => ErrorKind::Template,
            Self::Compile(_) => ErrorKind::Compile,
            Self::Ports(_) => ErrorKind::Ports,
            Self::Foreign { .. } => ErrorKind::ForeignFile,
            Self::UpstreamTaken { .. } => ErrorKind::UpstreamTaken,
            Self::NoProbe { .. } => ErrorKind::NoProbe,
            Self::OldProbe { .. } => ErrorKind::OldProbe,
            Self::UnsafeProbe { .. } => ErrorKind::UnsafeProbe,
            Self::Install(_) => ErrorKind::Install,
            Self::UnknownService { .. } => ErrorKind::UnknownService,
            Self::UnknownJob { .. } => ErrorKind::UnknownJob,
            Self::JobRuns { .. } => ErrorKind::JobRuns,
            Self::JobRefused { .. } => ErrorKind::JobRefused,
            Self::Pull { .. } => ErrorKind::Pull,
            Self::Network { .. } => ErrorKind::Network,
            Self::Pod { .. } => ErrorKind::Pod,
            Self::NotBegun { .. } => ErrorKind::NotBegun,
            Self::Timer { .. } => ErrorKind::Timer,
            Self::Offline => ErrorKind::Offline,
            Self::Undefined { .. } => ErrorKind::UndefinedService,
            Self::NoRollback { .. } => ErrorKind::NoRollback,
            Self::IsApplication { .. }
            | Self::OneProcess { .. }
            | Self::ReleaseOfOne { .. }
            | Self::Revisions { .. } => ErrorKind::Application,
            Self::Redefined { .. } => ErrorKind::RedefinedService,
            Self::Lock(LockError::Held { .. }) | Self::Watching => ErrorKind::Locked,
            Self::Lock(LockError::Path(_)) | Self::Path(_) => ErrorKind::File,
            Self::Proxy(_) | Self::Upstream(_) => ErrorKind::Proxy,
            Self::Systemd(_) => ErrorKind::Systemd,
        }
    }
}
