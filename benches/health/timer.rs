//! A systemd timer that runs curl, for which no tool is needed.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::place::{Place, window};
use crate::table::{Cost, Report};

const PORT: u16 = 23001;
const WINDOW: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(3);

const TIMER: &str = "[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=1s\nAccuracySec=1us\n";

pub(crate) fn measure(place: &Place, report: &mut Report) {
    let service = format!(
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\n\
         ExecStart=/usr/bin/curl -sSf -o /dev/null http://127.0.0.1:{PORT}/health\n"
    );
    let directory = place.sandbox.path("/run/systemd/system");
    fs::write(directory.join("curl.timer"), TIMER).expect("a unit file");
    fs::write(directory.join("curl.service"), service).expect("a unit file");
    place.each("start", "app", PORT..=PORT);
    let idle = place.rate(WINDOW / 2);
    place.sh("systemctl start curl.timer");
    thread::sleep(window(SETTLE));
    let (whole, checks) = place.per_check(idle, (PORT, PORT), || thread::sleep(window(WINDOW)));
    place.sh("systemctl stop curl.timer");
    place.each("stop", "app", PORT..=PORT);
    report.cost("systemd timer + curl, 1 s", Cost { own: None, whole: Some(whole), checks });
}
