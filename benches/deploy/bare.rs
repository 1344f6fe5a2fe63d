//! How long systemd alone takes, without decisions, checks and notifications.

use crate::deploys::{Case, count};
use crate::place::{Moment, Place};
use crate::table::{Part, Report, Sample};

/// Measures `systemctl start` of one unit of the application and `systemctl stop` of another. The units are
/// those that conductor writes for a definition without a health check, so there is no probe in them.
pub(crate) fn measure(place: &Place, sandbox: bool, report: &mut Report) {
    let case = Case { name: "native", engine: None, nginx: false, sandbox };
    let name = format!(
        "systemctl start and stop, {}",
        if sandbox { "native" } else { "native, sandbox: false" }
    );
    if !report.wants(&name) {
        return;
    }
    report.progress(&name);
    let definition = case.definition().replace("health: {http: /health}\n", "");
    place.write("/etc/conductor/services/web.yaml", &definition);
    place.sh("conductor deploy --id web --revision r0; conductor deploy --id web --revision r1
         cd /etc/systemd/system; mkdir -p conductor-web.target.wants
         for unit in conductor-web-r?.*-1.service; do ln -sf ../$unit conductor-web.target.wants; done");
    let samples = (0..count()).map(|number| replace(place, number % 2)).collect();
    place.sh("rm /etc/conductor/services/web.yaml; conductor remove --id web");
    report.deploys(name, samples);
}

/// Starts one of the two units and stops the other.
fn replace(place: &Place, revision: u32) -> Sample {
    let [new, old] = [revision, 1 - revision].map(|number| {
        place.sh(&format!("cd /etc/systemd/system; echo conductor-web-r{number}.*-1.service"))
    });
    let began = Moment::now();
    place.sh(&format!("systemctl start {new}"));
    let started = Moment::now();
    place.sh(&format!("systemctl is-active --quiet {new}"));
    let stops = Moment::now();
    place.sh(&format!("systemctl stop {old}"));
    let ended = Moment::now();
    let mut sample = Sample::new(started.since(began) + ended.since(stops));
    sample.add(Part::Begin, started.since(began));
    sample.add(Part::Stop, ended.since(stops));
    sample
}
