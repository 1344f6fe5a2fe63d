//! Checks a service whose command runs to its end.

use super::Check;
use crate::definition::{self, Definition, Fault, Field, NodeId, ServiceType};

impl Check<'_> {
    /// Refuses what means nothing for a command that runs to its end, or for one that goes on. Returns whether it runs
    /// to its end.
    pub(super) fn oneshot(&self, definition: &mut Definition) -> bool {
        let Definition {
            r#type,
            timeout,
            instances,
            port,
            listen,
            health,
            deploy,
            proxy,
            process,
            ..
        } = definition;
        let is_oneshot =
            matches!(r#type, Field::Given(given) if given.value == ServiceType::Oneshot);
        if !is_oneshot {
            if let Field::Given(timeout) = timeout {
                let fault = Fault::new("timeout works only with type: oneshot");
                self.refuse(timeout.at, fault.hint("remove this key, or add type: oneshot"));
            }
            return false;
        }
        if let Field::Given(timeout) = timeout
            && timeout.value.duration().is_zero()
        {
            let fault = Fault::new("not a time above 0");
            self.refuse(timeout.at, fault.hint("write for example 10min"));
        }
        if let Field::Given(instances) = instances
            && instances.value > 1
        {
            let fault = Fault::new(format!("{} instances of a oneshot service", instances.value));
            self.refuse(instances.at, fault.hint("remove this key: its command runs once"));
        }
        // Its container is gone once its command has ended.
        let named = place(&process.container_name);
        let mut places = vec![place(port), place(listen), place(health), place(proxy), named];
        if let Field::Given(deploy) = deploy {
            // It is for the other processes.
            self.forget_shared(&mut deploy.value.order);
            self.forget_shared(&mut deploy.value.batch);
            self.forget_shared(&mut deploy.value.drain);
            self.forget_shared(&mut deploy.value.min_healthy_time);
            let definition::Deploy { order, batch, drain, min_healthy_time, .. } = &deploy.value;
            places.extend([place(order), place(batch), place(drain), place(min_healthy_time)]);
        }
        for at in places.into_iter().flatten() {
            let fault = Fault::new("this key means nothing with type: oneshot");
            let hint = "remove it, or remove type: oneshot if the command goes on running";
            self.refuse(at, fault.hint(hint));
        }
        true
    }

    /// Removes a value that a process has from its application.
    fn forget_shared<T>(&self, field: &mut Field<T>) {
        let (own, _) = self.source.place(self.root);
        if let Field::Given(given) = field
            && !self.source.place(given.at).0.starts_with(&own)
        {
            *field = Field::Absent;
        }
    }
}

fn place<T>(field: &Field<T>) -> Option<NodeId> {
    match field {
        Field::Given(given) => Some(given.at),
        Field::Absent | Field::Refused => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::service::Service;

    #[test]
    fn what_means_nothing_is_refused() {
        let text = "id: migrate\ntype: oneshot\ncommand: [/bin/true]\ninstances: 2\nport: 80\n\
                    health: {tcp: true}\ndeploy: {order: stop-first, keep: 1}\n\
                    proxy: {nginx: {upstream: a}}\ntimeout: 0\n";
        let problems = Service::parse(Path::new("a.yaml"), text).unwrap_err();
        let places: Vec<_> = problems.0.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(places, ["instances", "port", "health", "deploy.order", "proxy", "timeout"]);
        let hint = problems.0[1].hint.as_deref();
        assert!(hint.is_some_and(|hint| hint.contains("if the command goes on running")));

        let text = "id: a\ncommand: [/bin/true]\ntimeout: 5min\n";
        let problems = Service::parse(Path::new("a.yaml"), text).unwrap_err().to_string();
        assert!(
            problems.contains("a.yaml:3:10: timeout: timeout works only with type: oneshot"),
            "{problems}"
        );
    }

    #[test]
    fn it_has_one_instance_and_a_time_or_none() {
        let text = "id: a\ntype: oneshot\ncommand: [/bin/true]\nvolumes: ['data:/data']\n";
        let service = Service::parse(Path::new("a.yaml"), text).unwrap();
        assert!(service.is_oneshot() && service.timeout.is_none() && service.deploy.data.is_none());
    }
}
