//! `conductor check`: reports all errors in definitions.

use std::collections::BTreeSet;
use std::process::ExitCode;

use conductor_core::definition::{Order, Runtime};
use conductor_core::name::ServiceId;
use conductor_core::service::{Deploy, Service, ServiceFields};
use conductor_core::value::{Argument, EnvValue, Port};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::error_object::ErrorDetails;
use crate::failure::Failure;
use crate::print;

/// Valid definitions.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checked<'s> {
    /// The services that are defined.
    services: Vec<&'s ServiceId>,
    /// The applications of which some of them are the processes.
    applications: BTreeSet<&'s ServiceId>,
    /// Empty: if there are errors, the result is the error object.
    errors: [ErrorDetails; 0],
    /// Advice about the definitions.
    warnings: Vec<ErrorDetails>,
    /// The services whose data decides in which order a deploy replaces their instances.
    orders: Vec<DecidedOrder<'s>>,
}

/// The order of a deploy, as the service's data decides it.
#[derive(Serialize, JsonSchema)]
struct DecidedOrder<'s> {
    /// The service.
    id: &'s ServiceId,
    /// Which instances change first.
    order: Order,
    /// The data that the instances write.
    data: &'s str,
}

impl<'s> DecidedOrder<'s> {
    fn of(service: &'s Service) -> Option<Self> {
        let Deploy { order, data, .. } = &service.deploy;
        Some(Self { id: &service.id, order: *order, data: data.as_deref()? })
    }
}

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    context.conductor.settings()?;
    let services = context.conductor.read(&options.paths)?;
    context.conductor.check_dependencies(&services)?;
    let warnings = context.conductor.advice(&services, &options.paths)?;
    let orders = services.iter().filter_map(DecidedOrder::of);
    if context.json() {
        Context::print_json(&Checked {
            services: services.iter().map(|service| &service.id).collect(),
            applications: services.iter().filter_map(|it| it.application.as_ref()).collect(),
            errors: [],
            warnings: ErrorDetails::list("advice", &warnings),
            orders: orders.collect(),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in warnings {
        print::complaint(format_args!("warning: {warning}"));
    }
    // For the others, there is a warning.
    for DecidedOrder { id, data, .. } in orders.filter(|it| it.order == Order::StopFirst) {
        print::complaint(format_args!(
            "note: {id}: a deploy stops the old instance before it starts the new one, so that no two use {data}"
        ));
    }
    for (id, port) in services.iter().filter_map(|it| Some((&it.id, untold_port(it)?))) {
        print::complaint(format_args!(
            "note: {id}: each native instance gets its own port in PORT, not {port}: the program must read it"
        ));
    }
    match services.len() {
        1 => print::line(format_args!("1 service is valid"))?,
        count => print::line(format_args!("{count} services are valid"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the port of a native service whose program is told its own one only by `PORT`: no token tells it.
fn untold_port(service: &Service) -> Option<Port> {
    let ServiceFields { runtime, port, command, env, .. } = &**service;
    let texts = command.iter().map(Argument::as_str).chain(env.values().map(EnvValue::as_str));
    let is_told =
        *runtime != Runtime::Native || texts.into_iter().any(|text| text.contains("{port}"));
    (*port).filter(|_| !is_told)
}
