//! Paths that units, conductor and the probe know.

/// Where the probe is on every host.
pub const PROBE: &str = "/usr/bin/conductor-probe";

/// What conductor has below `/run`.
pub const RUN: &str = "/run/conductor";

/// Where everybody sees the directories of sockets; an instance sees its own at the same path.
pub const SOCKETS: &str = "/run/conductor/sockets";

/// What only root enters.
pub const PRIVATE: &str = "/run/conductor/private";

/// Where the directories of sockets can be written to, by whoever gets there.
pub const PRIVATE_SOCKETS: &str = "/run/conductor/private/sockets";

/// Docker's client.
pub const DOCKER: &str = "/usr/bin/docker";

/// Where Docker listens.
pub const DOCKER_SOCKET: &str = "/run/docker.sock";
