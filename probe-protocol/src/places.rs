//! Paths that units, conductor and the probe share.

/// The probe.
pub const PROBE: &str = "/usr/bin/conductor-probe";

/// conductor's directory below `/run`.
pub const RUN: &str = "/run/conductor";

/// The directories of sockets, read-only for all users; an instance sees its own at the same path.
pub const SOCKETS: &str = "/run/conductor/sockets";

/// A directory that only root can enter.
pub const PRIVATE: &str = "/run/conductor/private";

/// The places of scheduled jobs that run at the same time; below systemd's runtime directory.
pub const TURNS: &str = "conductor/turns";

/// The directories of sockets, writable.
pub const PRIVATE_SOCKETS: &str = "/run/conductor/private/sockets";

/// Docker's client.
pub const DOCKER: &str = "/usr/bin/docker";

/// Docker's socket.
pub const DOCKER_SOCKET: &str = "/run/docker.sock";
