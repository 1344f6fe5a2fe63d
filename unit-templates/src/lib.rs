//! The Handlebars templates of the units and files that conductor writes, embedded as text.
//!
//! They are a crate of their own because a packaged crate cannot embed a file of its neighbour.
//! Templates hold layout only: every value arrives checked and escaped.

/// A template with the file name that replaces it in a directory of the user's own.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// The file name, such as `instance.service.hbs`.
    pub file: &'static str,
    /// The text.
    pub text: &'static str,
}

/// One instance of a service.
pub const INSTANCE: Template =
    Template { file: "instance.service.hbs", text: include_str!("../instance.service.hbs") };

/// The target that holds all instances of a service.
pub const TARGET: Template =
    Template { file: "service.target.hbs", text: include_str!("../service.target.hbs") };

/// What starts the target of a service when the host boots; one for all services.
pub const START: Template =
    Template { file: "start.service.hbs", text: include_str!("../start.service.hbs") };

/// When failed instances of a service are started again; one for all services.
pub const START_TIMER: Template =
    Template { file: "start.timer.hbs", text: include_str!("../start.timer.hbs") };

/// What starts failed instances of a service again; one for all services.
pub const RETRY: Template =
    Template { file: "retry.service.hbs", text: include_str!("../retry.service.hbs") };

/// What holds the place of a job whose number is limited; one for all services.
pub const TURN: Template =
    Template { file: "turn.service.hbs", text: include_str!("../turn.service.hbs") };

/// What reports a failed unit to the hooks of its service; one for all services.
pub const EVENT: Template =
    Template { file: "event.service.hbs", text: include_str!("../event.service.hbs") };

/// What starts a pod of podman, and starts its containers again with it; one for all pods.
pub const POD: Template =
    Template { file: "pod.service.hbs", text: include_str!("../pod.service.hbs") };

/// A command that runs once and to its end.
pub const COMMAND: Template =
    Template { file: "command.service.hbs", text: include_str!("../command.service.hbs") };

/// What says when a job of a service runs.
pub const TIMER: Template =
    Template { file: "job.timer.hbs", text: include_str!("../job.timer.hbs") };

/// What nginx is told of the instances of a service; it is not one of a unit, and not in [`ALL`].
pub const NGINX: Template =
    Template { file: "nginx.upstream.hbs", text: include_str!("../nginx.upstream.hbs") };

/// All templates of units.
pub const ALL: [Template; 10] =
    [INSTANCE, TARGET, START, START_TIMER, RETRY, TURN, EVENT, POD, COMMAND, TIMER];
