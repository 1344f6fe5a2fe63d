//! Other units and services on the host.

use crate::place::Place;

/// Units that are not conductor's.
pub(crate) const OTHERS: &str = ", 2,000 other units";
const OTHER: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n";

/// Services of conductor.
pub(crate) const OWN: &str = ", 500 other services";

/// Without directives that need seccomp filters: see the benchmark of throughput.
const FEW_FILTERS: &str = "systemd: {Service: {\
    SystemCallFilter: '', SystemCallArchitectures: '', RestrictAddressFamilies: '', \
    LockPersonality: false, PrivateDevices: false, ProtectClock: false, ProtectHostname: false, \
    ProtectKernelLogs: false, ProtectKernelModules: false, ProtectKernelTunables: false, \
    RestrictNamespaces: false, RestrictRealtime: false, RestrictSUIDSGID: false}}";

/// Starts units that stay loaded.
pub(crate) fn others(place: &Place) {
    place.write("/run/systemd/system/other@.service", OTHER);
    place.sh("seq -f other@%g.service 2000 | xargs systemctl start");
}

/// Stops them.
pub(crate) fn go(place: &Place) {
    place.sh("systemctl stop 'other@*.service'");
}

/// Starts services.
pub(crate) fn own(place: &Place) {
    for number in 0..500 {
        let text = format!(
            "id: other-{number}\nrevision: v1\ncommand: [/usr/bin/sleep, infinity]\n{FEW_FILTERS}\n"
        );
        place.write(&format!("/etc/conductor/services/other-{number}.yaml"), &text);
    }
    place.sh("conductor apply /etc/conductor/services/other-*.yaml");
}
