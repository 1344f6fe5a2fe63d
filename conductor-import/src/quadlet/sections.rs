//! What becomes of `[Unit]`, `[Service]` and `[Install]`: systemd's own directives.

use std::collections::BTreeSet;
use std::time::Duration;

use conductor_core::unit::start_timeout;

use super::pods::Pods;
use super::unit::{Line, words};
use crate::draft::{Draft, Item, Val};
use crate::report::{Origin, Report};
use crate::units;

/// Directives that name units.
pub(super) const RELATIONS: [&str; 6] =
    ["After", "Requires", "Wants", "BindsTo", "Requisite", "Before"];

/// The targets that are reached at boot.
const AT_BOOT: [&str; 3] = ["default.target", "multi-user.target", "graphical.target"];

/// Carries the directives of the other sections over to a draft; `id` returns the id of a container's service. These
/// `variables` were replaced in the values of the container.
pub(super) fn carry(
    draft: &mut Draft,
    lines: &[Line],
    variables: &BTreeSet<String>,
    id: &dyn Fn(&str) -> Option<String>,
    (pods, joined): (&Pods, &(Vec<&Line>, bool)),
    report: &mut Report,
) {
    let (of_pod, mut starts_at_boot) = (&joined.0, joined.1);
    let is_pod = |unit: &str| pods.has_unit(unit);
    for line in of_pod {
        let origin = Origin::new(line.at, format!("{}.{}", line.section, line.key));
        relation(draft, line, id, &is_pod, &origin);
    }
    let has_own_timeout =
        lines.iter().any(|line| line.section == "Container" && line.key == "StopTimeout");
    let has = |key: &str, is_it: &dyn Fn(&str) -> bool| {
        lines.iter().any(|line| line.key == key && is_it(&line.value))
    };
    let is_task = has("Type", &|value| value == "oneshot");
    let runs_more = lines.iter().any(|it| it.section == "Service" && it.key.starts_with("Exec"));
    let waits_longer =
        has("HealthCmd", &|value| value != "none") && !has("Notify", &|value| value == "healthy");
    // Of several, the last one counts, so that none can be left out.
    let timeouts =
        lines.iter().filter(|line| line.section == "Service" && line.key == "TimeoutStartSec");
    let has_one_timeout = timeouts.count() == 1;
    for line in lines.iter().filter(|line| line.section != "Container") {
        let origin = Origin::new(line.at, format!("{}.{}", line.section, line.key));
        match (line.section.as_str(), line.key.as_str()) {
            ("Install", "WantedBy" | "RequiredBy") => {
                starts_at_boot = true;
                let others: Vec<_> =
                    line.value.split_whitespace().filter(|unit| !AT_BOOT.contains(unit)).collect();
                if !others.is_empty() {
                    let others = others.join(" and ");
                    report.note(
                        &origin,
                        format!("conductor starts it at boot, and not with {others}"),
                    );
                }
            }
            ("Install", _) => {
                report.leave_out(&origin, "left out: conductor enables units by itself", "");
            }
            ("Unit", "Description") => draft.text("description", line.value.clone(), &origin),
            ("Unit", key) if RELATIONS.contains(&key) => {
                relation(draft, line, id, &is_pod, &origin);
            }
            ("Unit", "PartOf") => part_of(draft, line, id, &is_pod, report, &origin),
            ("Service", "Restart") => {
                let does = match line.value.as_str() {
                    "always" => continue,
                    _ if is_task => continue,
                    "on-failure" | "on-abnormal" | "on-abort" | "on-watchdog" => {
                        "conductor starts it again after any end, also after a success"
                    }
                    _ => {
                        "conductor starts it again when it ends; if it is a task that ends, write type: oneshot"
                    }
                };
                report.note(&origin, does);
            }
            ("Service", "Type") if line.value == "oneshot" => {
                draft.text("type", "oneshot", &origin);
            }
            ("Service", "Type" | "RemainAfterExit") => {}
            ("Service", "Environment") if !runs_more && is_replaced(&line.value, variables) => {}
            ("Service", "TimeoutStartSec") if is_task => match seconds(&line.value) {
                Some(time) => draft.text("timeout", units::span(time), &origin),
                None if line.value == "infinity" => {}
                None => {
                    report.leave_out(&origin, "left out: it is no time of seconds or minutes", "");
                }
            },
            // Quadlet's start ends before the first check, and conductor's with the first success.
            // An export computes a timeout from the check, and would do so again.
            ("Service", "TimeoutStartSec")
                if waits_longer || (has_one_timeout && follows_from_health(draft, &line.value)) =>
            {
                report.note(
                    &origin,
                    "not needed: a start ends once the service is healthy, within start_period",
                );
            }
            // systemd's is longer than that of podman, if both are given.
            ("Service", "TimeoutStopSec") if has_own_timeout => {}
            ("Service", "TimeoutStopSec") => match seconds(&line.value) {
                Some(time) => {
                    draft.put("deploy", "stop_timeout", Val::Text(units::span(time)), &origin);
                }
                None => {
                    report.leave_out(&origin, "left out: it is no time of seconds or minutes", "");
                }
            },
            ("Unit" | "Service", key) => directive(draft, &line.section, key, &line.value, &origin),
            ("Quadlet", "DefaultDependencies") => {
                report.note(&origin, "not needed: units of containers wait for the network");
            }
            (section, _) => {
                report.leave_out(
                    &origin,
                    format!("left out: conductor does not read [{section}]"),
                    "",
                );
            }
        }
    }
    if !starts_at_boot {
        let origin = draft.origin.clone();
        report.note(&origin, "conductor starts it at boot, which the file does not ask for");
    }
}

/// Returns whether all variables of an `Environment=` were for the values of the container.
fn is_replaced(value: &str, variables: &BTreeSet<String>) -> bool {
    let words = words(value).unwrap_or_default();
    let name = |word: &String| word.split('=').next().unwrap_or_default().to_owned();
    !words.is_empty() && words.iter().all(|word| variables.contains(&name(word)))
}

/// Returns milliseconds of a time span of systemd, as far as Go has the same words.
fn seconds(text: &str) -> Option<u64> {
    let text = text
        .replace("minutes", "m")
        .replace("min", "m")
        .replace("seconds", "s")
        .replace("sec", "s");
    units::milliseconds(&text.replace(' ', ""))
}

/// Returns whether a timeout of the start is what an export computes from the health check.
fn follows_from_health(draft: &Draft, timeout: &str) -> bool {
    let Some(Val::Map(health)) = draft.get("health") else { return false };
    let text = |key: &str| match &health.iter().find(|item| item.key == key)?.value {
        Val::Text(text) | Val::Plain(text) => Some(text.as_str()),
        Val::List(_) | Val::Map(_) => None,
    };
    let time = |key| text(key).and_then(seconds).map(Duration::from_millis);
    let computed = || {
        let retries = text("retries")?.parse().ok()?;
        start_timeout(time("start_period")?, time("interval")?, retries)
    };
    computed().is_some_and(|computed| seconds(timeout) == computed.checked_mul(1000))
}

/// Carries an order of units over: containers that are imported become `depends_on`.
fn relation(
    draft: &mut Draft,
    line: &Line,
    id: &dyn Fn(&str) -> Option<String>,
    is_pod: &dyn Fn(&str) -> bool,
    origin: &Origin,
) {
    // A pod starts before its containers.
    for unit in line.value.split_whitespace().filter(|unit| !is_pod(unit)) {
        let name = unit.strip_suffix(".service").or_else(|| unit.strip_suffix(".container"));
        match name.and_then(id) {
            Some(id) if line.key != "Before" => draft.push("depends_on", id, origin),
            Some(_) => directive(draft, "Unit", "Before", &line.value, origin),
            // Networks and volumes are there before a container starts.
            None if [
                ".network",
                ".volume",
                "-network.service",
                "-volume.service",
                ".image",
                ".build",
            ]
            .iter()
            .any(|end| unit.ends_with(end)) => {}
            None => {
                let unit = match unit.strip_suffix(".container") {
                    Some(name) => format!("{name}.service"),
                    None => unit.to_owned(),
                };
                directive(draft, "Unit", &line.key, &unit, origin);
            }
        }
    }
}

/// Carries over of what the unit is part. The units of other containers have other names with conductor.
fn part_of(
    draft: &mut Draft,
    line: &Line,
    id: &dyn Fn(&str) -> Option<String>,
    is_pod: &dyn Fn(&str) -> bool,
    report: &mut Report,
    origin: &Origin,
) {
    // With conductor, too, a container is part of its pod.
    for unit in line.value.split_whitespace().filter(|unit| !is_pod(unit)) {
        let container = unit.strip_suffix(".container");
        let name = container.or_else(|| unit.strip_suffix(".service"));
        match name.filter(|name| container.is_some() || id(name).is_some()) {
            None => directive(draft, "Unit", "PartOf", unit, origin),
            Some(name) => report.leave_out(
                origin,
                format!("left out: it is stopped and started again together with {name}"),
                format!("conductor restart --id {}", draft.id),
            ),
        }
    }
}

/// Adds a directive under `systemd`; one that is set several times is a list.
fn directive(draft: &mut Draft, section: &str, key: &str, value: &str, origin: &Origin) {
    let item = |value: Val, key: &str| Item { key: key.to_owned(), value, origin: origin.clone() };
    let text = Val::Text(value.to_owned());
    let mut directives = match draft.get("systemd") {
        Some(Val::Map(sections)) => match sections.iter().find(|it| it.key == section) {
            Some(Item { value: Val::Map(directives), .. }) => directives.clone(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    match directives.iter_mut().find(|it| it.key == key) {
        None => directives.push(item(text, key)),
        Some(Item { value: Val::List(values), .. }) => values.push(item(text, "")),
        Some(other) => {
            let first = item(other.value.clone(), "");
            other.value = Val::List(vec![first, item(text, "")]);
        }
    }
    draft.put("systemd", section, Val::Map(directives), origin);
}
