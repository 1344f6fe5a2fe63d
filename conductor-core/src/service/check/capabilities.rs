//! Checks the capabilities of a service.

use super::{Check, known};
use crate::definition::{Definition, Fault, Field, Located, Runtime};
use crate::error::Problem;
use crate::value::Capability;

type Capabilities = Field<Vec<Field<Capability>>>;

impl Check<'_> {
    /// Refuses what a native service cannot have, or has already.
    pub(super) fn capabilities(
        &self,
        cap_add: &Capabilities,
        cap_drop: &Capabilities,
        runtime: Option<Runtime>,
    ) {
        if runtime != Some(Runtime::Native) {
            return;
        }
        if let Field::Given(dropped) = cap_drop {
            let fault = Fault::new("cap_drop works only with runtime: docker or podman");
            let hint = "remove it: a native service has no capabilities but those of cap_add";
            self.refuse(dropped.at, fault.hint(hint));
        }
        if let Some(all) = given(cap_add).find(|capability| capability.value.is_all()) {
            let fault = Fault::new("ALL works only with runtime: docker or podman");
            let hint = "name the capabilities that the program needs; sandbox: false without user \
                        gives it all";
            self.refuse(all.at, fault.hint(hint));
        }
    }

    /// Advises on capabilities that do not reach the program of a container.
    pub(super) fn advice_on_capabilities(&self, definition: &Definition) -> Option<Problem> {
        let Definition { runtime, cap_add, user, .. } = definition;
        let (Field::Given(user), Some(Runtime::Docker)) = (user, known(runtime)) else {
            return None;
        };
        let added = given(cap_add).next()?;
        // There are no ambient capabilities in docker; podman sets them.
        (!user.value.is_root()).then(|| {
            let fault = Fault::new(format!(
                "docker gives capabilities to root only, and the program runs as {}",
                user.value
            ));
            let hint = "remove user, or give the program in the image file capabilities (setcap)";
            self.source.problem(added.at, fault.hint(hint))
        })
    }
}

/// The first port that every user may listen at, unless the host is configured otherwise.
const FIRST_FREE: u16 = 1024;

impl Check<'_> {
    /// Advises on a fixed port at which a native program may not listen.
    pub(super) fn advice_on_low_ports(&self, definition: &Definition) -> Option<Problem> {
        let Definition { runtime, ports, user, cap_add, sandbox, systemd, .. } = definition;
        let Field::Given(ports) = ports else { return None };
        if known(runtime) != Some(Runtime::Native) {
            return None;
        }
        let ports = ports.value.iter().filter_map(|port| match port {
            Field::Given(port) => Some(port),
            Field::Absent | Field::Refused => None,
        });
        let low = ports.into_iter().find(|port| port.value.first().number() < FIRST_FREE)?;
        let binds = given(cap_add).any(|added| added.value.to_string() == "NET_BIND_SERVICE");
        // In the sandbox root has no capabilities, either.
        let is_root = match user {
            Field::Given(user) => user.value.is_root(),
            Field::Absent | Field::Refused => true,
        };
        let is_free = matches!(sandbox, Field::Given(sandbox) if !sandbox.value) && is_root;
        // Directives may give it a capability, or the socket.
        if binds || is_free || !systemd.is_absent() {
            return None;
        }
        let number = low.value.first();
        let fault =
            Fault::new(format!("only a program with a capability can listen at port {number}"));
        Some(self.source.problem(low.at, fault.hint("add cap_add: [NET_BIND_SERVICE]")))
    }
}

fn given(capabilities: &Capabilities) -> impl Iterator<Item = &Located<Capability>> {
    let list = match capabilities {
        Field::Given(list) => list.value.as_slice(),
        Field::Absent | Field::Refused => &[],
    };
    list.iter().filter_map(|item| match item {
        Field::Given(item) => Some(item),
        Field::Absent | Field::Refused => None,
    })
}
