//! The transport for ureq: own sockets, no resolver, no pool, small buffers.

use std::net::SocketAddr;
use std::time::Instant;

use probe_protocol::{ValueError, host};
use rustix::io::Errno;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error, Timeout};

use super::socket::{Endpoint, Socket};

/// The connector, which always connects to the same server, whatever the URI is.
#[derive(Debug, Clone)]
pub(crate) struct Route(pub(crate) Endpoint);

/// Returns the address and port in a URI.
pub(crate) fn address(uri: &Uri) -> Result<SocketAddr, ValueError> {
    let host = host(uri.host().unwrap_or_default())?;
    let port = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    Ok(SocketAddr::new(host, uri.port_u16().unwrap_or(port)))
}

impl Route {
    /// Returns an agent with this connector.
    pub(crate) fn agent(self, config: Config) -> Agent {
        #[cfg(feature = "tls")]
        let connector = {
            use ureq::unversioned::transport::RustlsConnector;
            self.clone().chain(RustlsConnector::default())
        };
        #[cfg(not(feature = "tls"))]
        let connector = self.clone();
        Agent::with_parts(config, connector, self)
    }
}

// ureq's own resolver starts a thread for every lookup with a timeout.
impl Resolver for Route {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

impl Connector for Route {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let deadline = deadline(details.timeout);
        let socket = self.0.connect(deadline);
        let socket = socket.map_err(|error| map(error, details.timeout.reason))?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Connection { socket, buffers }))
    }
}

/// One connection, for one request.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    buffers: LazyBuffers,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        self.socket.send_all(output, deadline(timeout)).map_err(|error| map(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let buffer = self.buffers.input_append_buf();
        let received = self.socket.receive(buffer, deadline(timeout));
        let received = received.map_err(|error| map(error, timeout.reason))?;
        self.buffers.input_appended(received);
        Ok(received > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

/// Returns the deadline; `None` for a request that may wait forever.
fn deadline(timeout: NextTimeout) -> Option<Instant> {
    Instant::now().checked_add(*timeout.after)
}

fn map(error: Errno, reason: Timeout) -> Error {
    match error {
        Errno::TIMEDOUT => Error::Timeout(reason),
        other => Error::Io(other.into()),
    }
}
