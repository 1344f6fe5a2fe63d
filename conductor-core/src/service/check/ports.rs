//! Checks the fixed ports of a service.

use super::Check;
use super::data::Data;
use crate::definition::{Fault, Field, Located, NetworkMode};
use crate::value::FixedPort;

impl Check<'_> {
    /// Reads the ports of the host that a service always has. `on_host` is whether the program itself listens there.
    pub(super) fn ports(
        &self,
        ports: Field<Vec<Field<FixedPort>>>,
        on_host: bool,
        mode: &Field<NetworkMode>,
        instances: u16,
    ) -> Vec<Located<FixedPort>> {
        let Some(ports) = ports.given() else { return Vec::new() };
        if matches!(mode, Field::Given(mode) if mode.value == NetworkMode::None) {
            let fault = Fault::new("nobody reaches a port of a service without a network");
            self.refuse(ports.at, fault.hint("remove it, or remove network_mode"));
            return Vec::new();
        }
        let read: Vec<_> = ports.value.into_iter().filter_map(Field::given).collect();
        if instances > 1 && !read.is_empty() {
            let fault = Fault::new(format!(
                "only one process can have a port of the host, and there are {instances} instances"
            ));
            let hint = "write instances: 1; or port: NUMBER in place of ports, then each instance has a port of its \
                        own for a proxy";
            self.refuse(ports.at, fault.hint(hint));
        }
        for (place, port) in read.iter().enumerate() {
            let FixedPort { host, inside, .. } = &port.value;
            match host {
                Some(host) if on_host && host != inside => {
                    let fault = Fault::new("the program itself listens at the port of the host");
                    let written = FixedPort { inside: *host, ..port.value.clone() };
                    let hint = format!("write {written}, and let the program listen at {host}");
                    self.refuse(port.at, fault.hint(hint));
                }
                None if !on_host => {
                    let fault = Fault::new(format!("{} names no port of the host", port.value));
                    let written = FixedPort { host: Some(*inside), ..port.value.clone() };
                    let hint = format!(
                        "write {written}; or port: {inside} in place of ports, for a port that conductor chooses"
                    );
                    self.refuse(port.at, fault.hint(hint));
                }
                _ => {}
            }
            let twice = read[..place].iter().find_map(|other| other.value.shared_with(&port.value));
            if let Some(number) = twice {
                let fault = Fault::new(format!(
                    "port {number}/{} of the host is there twice",
                    port.value.protocol.as_str()
                ));
                self.refuse(port.at, fault.hint("remove one of them"));
            }
        }
        read
    }
}

/// Returns the first fixed port, of which no two instances can make use at the same time.
pub(super) fn fixed(ports: &[Located<FixedPort>]) -> Option<Data> {
    let port = ports.first()?;
    let name = format!("port {} of the host", port.value.first());
    let instead = "port: NUMBER in place of ports, for a port that conductor chooses";
    Some(Data { at: port.at, name, exclusive: Some(instead) })
}
