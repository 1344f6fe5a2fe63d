//! Checks that ports, sockets, tokens and the health check are consistent.

use super::Check;
use crate::definition::{self, Fault, Field};
use crate::service::Service;
use crate::value::{Listen, Port};

impl Check<'_> {
    /// Refuses what is inconsistent with a unix socket, if the instances listen on one.
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
            self.refuse(port.at, fault.hint("remove port; {socket} is the path of the socket"));
        }
        let (at, what) = match health {
            Field::Absent => (listen.at, "no health check"),
            Field::Given(health) if !health.value.command.is_absent() => {
                (health.at, "a command as health check")
            }
            Field::Given(_) | Field::Refused => return,
        };
        // Most programs create sockets that only their own user can connect to. The probe changes the mode.
        let fault = Fault::new(format!(
            "with {what}, only the service's own user could connect to the socket"
        ));
        self.refuse(at, fault.hint("check with {http: /health} or {tcp: true}"));
    }

    /// Refuses tokens that have no value here.
    pub(super) fn tokens(&self, service: &Service, has_port: bool, on_socket: bool) {
        if !has_port && service.uses_token("port") {
            let fault = Fault::new("{port} is used, but the service has no port");
            let hint = "add port: NUMBER; write {{port}} for the literal text";
            self.refuse(self.root, fault.hint(hint));
        }
        if !on_socket && service.uses_token("socket") {
            let fault = Fault::new("{socket} is used, but the service has no socket");
            let hint = "add listen: socket; write {{socket}} for the literal text";
            self.refuse(self.root, fault.hint(hint));
        }
    }
}
