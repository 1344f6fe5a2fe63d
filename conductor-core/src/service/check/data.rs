//! Finds the data that instances write, and decides from it in which order a deploy replaces them.

use super::Check;
use crate::definition::{Fault, Field, NodeId, Order, Table};
use crate::error::Problem;
use crate::value::{Directive, Section, Setting, Volume};

/// Directives that let an instance write on the host. A program must be able to lose what is in its
/// `CacheDirectory=`, and only appends to what is in its `LogsDirectory=`.
const WRITABLE: [&str; 3] = ["StateDirectory", "BindPaths", "ReadWritePaths"];

/// Data on the host that instances write.
pub(super) struct Data {
    at: NodeId,
    name: String,
}

/// The order of a deploy.
pub(super) struct Ordered {
    pub(super) order: Order,
    /// The data that decided it; `None` if the definition did, or there is no data.
    pub(super) data: Option<String>,
    pub(super) advice: Option<Problem>,
}

/// Returns the first data that instances write, if there is any.
pub(super) fn data(
    volumes: &Field<Vec<Field<Volume>>>,
    systemd: &Field<Table<Section, Table<Directive, Setting>>>,
) -> Option<Data> {
    let volume = given(volumes).into_iter().flatten().find_map(|volume| match volume {
        Field::Given(volume) if !volume.value.read_only => {
            Some(Data { at: volume.at, name: format!("the volume {}", volume.value.source) })
        }
        _ => None,
    });
    let tables = given(systemd).into_iter().flat_map(|sections| &sections.0);
    let directives = tables.filter_map(|(_, table)| given(table)).flat_map(|table| &table.0);
    let mut directives = directives.filter_map(|(name, setting)| {
        let value = given(setting)?.values().iter().rev().find(|value| !value.is_empty())?;
        let writable = WRITABLE.contains(&name.value.as_str());
        writable.then(|| Data { at: name.at, name: format!("{}={value}", name.value) })
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
    /// Returns the order that the definition names, or else the one that suits its data. A service that is behind a
    /// proxy or has several instances was made to run more than once.
    pub(super) fn order(
        &self,
        named: Field<Order>,
        data: Option<Data>,
        instances: u16,
        has_proxy: bool,
    ) -> Ordered {
        if !named.is_absent() || instances == 0 {
            let order = named.into_value().unwrap_or_default();
            return Ordered { order, data: None, advice: None };
        }
        let Some(Data { at, name }) = data else {
            return Ordered { order: Order::StartFirst, data: None, advice: None };
        };
        if instances == 1 && !has_proxy {
            return Ordered { order: Order::StopFirst, data: Some(name), advice: None };
        }
        let fault = Fault::new(format!(
            "in a deploy, old and new instances are on {name} at the same time"
        ))
        .hint(
            "add deploy: {order: stop-first} if only one process may use it, or deploy: {order: \
             start-first} if several may",
        );
        let advice = Some(self.source.problem(at, fault));
        Ordered { order: Order::StartFirst, data: Some(name), advice }
    }
}
