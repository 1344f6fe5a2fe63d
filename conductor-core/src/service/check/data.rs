//! Finds the data that instances write, and decides from it in which order a deploy replaces them.

use super::Check;
use crate::definition::{self, Definition, Fault, Field, Located, NodeId, Order, Runtime};
use crate::error::Problem;
use crate::service::Deploy;

/// Directives that let an instance write on the host. A program must be able to lose what is in its
/// `CacheDirectory=`, and only appends to what is in its `LogsDirectory=`.
const WRITABLE: [&str; 3] = ["StateDirectory", "BindPaths", "ReadWritePaths"];

/// Data on the host that instances write.
pub(super) struct Data {
    pub(super) at: NodeId,
    pub(super) name: String,
    /// What to write to have two instances at a time, if two cannot have it, whatever the program does.
    pub(super) exclusive: Option<&'static str>,
}

/// Returns the first data that instances write, if there is any.
pub(super) fn data(definition: &Definition) -> Option<Data> {
    let Definition { volumes, systemd, .. } = definition;
    let volume = given(volumes).into_iter().flatten().find_map(|volume| match volume {
        Field::Given(volume) if !volume.value.read_only => {
            let name = format!("the volume {}", volume.value.source);
            Some(Data { at: volume.at, name, exclusive: None })
        }
        _ => None,
    });
    let tables = given(systemd).into_iter().flat_map(|sections| &sections.0);
    let directives = tables.filter_map(|(_, table)| given(table)).flat_map(|table| &table.0);
    let mut directives = directives.filter_map(|(name, setting)| {
        let value = given(setting)?.values().iter().rev().find(|value| !value.is_empty())?;
        let writable = WRITABLE.contains(&name.value.as_str());
        writable.then(|| Data {
            at: name.at,
            name: format!("{}={value}", name.value),
            exclusive: None,
        })
    });
    volume.or_else(|| directives.next())
}

fn given<T>(field: &Field<T>) -> Option<&T> {
    match field {
        Field::Given(located) => Some(&located.value),
        Field::Absent | Field::Refused => None,
    }
}

impl Check<'_> {
    /// Reads how a new version takes over, with advice if its order has to be thought about.
    pub(super) fn takes_over(
        &self,
        deploy: Field<definition::Deploy>,
        runtime: Option<Runtime>,
        data: Option<Data>,
        instances: u16,
        has_proxy: bool,
    ) -> (Deploy, Option<Problem>) {
        let mut deploy = deploy.into_value().unwrap_or_default();
        let named = std::mem::take(&mut deploy.order);
        if let Some(Data { name, exclusive: Some(instead), .. }) = &data {
            if let Field::Given(Located { value: Order::StartFirst, at }) = named {
                let fault = Fault::new(format!("two instances cannot have {name}"));
                let hint = format!("write stop-first, or remove order; or {instead}");
                self.refuse(at, fault.hint(hint));
            }
            let order = (Order::StopFirst, !named.is_absent());
            return (self.deploy(deploy, runtime, order, Some(name.clone())), None);
        }
        let Some(Data { at, name, .. }) = data.filter(|_| named.is_absent() && instances > 0)
        else {
            let is_given = !named.is_absent();
            let order = (named.into_value().unwrap_or_default(), is_given);
            return (self.deploy(deploy, runtime, order, None), None);
        };
        // A service that is behind a proxy or has several instances was made to run more than once.
        if instances == 1 && !has_proxy {
            return (self.deploy(deploy, runtime, (Order::StopFirst, false), Some(name)), None);
        }
        let fault = Fault::new(format!(
            "in a deploy, old and new instances are on {name} at the same time"
        ));
        let hint = "add deploy: {order: stop-first} if only one process may use it, or deploy: \
                    {order: start-first} if several may";
        let advice = self.source.problem(at, fault.hint(hint));
        (self.deploy(deploy, runtime, (Order::StartFirst, false), Some(name)), Some(advice))
    }
}
