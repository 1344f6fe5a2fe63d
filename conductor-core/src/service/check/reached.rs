//! Checks that what is said of ports and sockets fits together.

use super::Check;
use crate::definition::{self, Fault, Field, ROOT};
use crate::service::Service;
use crate::value::{Listen, Port};

impl Check<'_> {
    /// Refuses what does not go with a unix socket, if the instances listen on one.
    pub(super) fn listens_on_socket(
        &self,
        listen: &Field<Listen>,
        port: &Field<Port>,
        health: &Field<definition::Health>,
    ) {
        let Field::Given(listen) = listen else { return };
        if listen.value != Listen::Socket {
            return;
        }
        if let Field::Given(port) = port {
            let fault = Fault::new("instances that listen on a socket have no port");
            self.refuse(port.at, fault.hint("remove port; {socket} is where they listen"));
        }
        let (at, what) = match health {
            Field::Absent => (listen.at, "no health check"),
            Field::Given(health) if !health.value.command.is_absent() => {
                (health.at, "a command as health check")
            }
            Field::Given(_) | Field::Refused => return,
        };
        // Most programs make sockets that only their own user gets to.
        let fault = Fault::new(format!("a socket and {what}: nobody would open it to a proxy"));
        self.refuse(at, fault.hint("check with {http: /health} or {tcp: true}"));
    }

    /// Refuses tokens that have no value here.
    pub(super) fn tokens(&self, service: &Service, has_port: bool, on_socket: bool) {
        if !has_port && service.uses_token("port") {
            let fault = Fault::new("{port} is used, but there is no port");
            let hint = "add port: NUMBER; write {{port}} for the literal text";
            self.refuse(ROOT, fault.hint(hint));
        }
        if !on_socket && service.uses_token("socket") {
            let fault = Fault::new("{socket} is used, but there is none");
            let hint = "add listen: socket; write {{socket}} for the literal text";
            self.refuse(ROOT, fault.hint(hint));
        }
    }
}
