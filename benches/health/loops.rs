//! conductor-probe next to the smallest possible check.

use std::thread;
use std::time::Duration;

use crate::place::{Place, is_trial, window};
use crate::processes::Processes;
use crate::table::{Cost, Report};

/// The first ports of services with conductor-probe, and of services that a bare loop checks.
const PROBED: u16 = 20001;
const BARE: u16 = 21001;
const FAST: (u16, u16) = (22001, 22002);

const WINDOW: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(3);

/// Returns the first and the last port of the services that are measured at once.
fn hundred(first: u16) -> (u16, u16) {
    (first, if is_trial() { first } else { first + 99 })
}

fn probers(place: &Place) -> Processes {
    Processes::find(&place.sandbox, &["conductor-probe", "exec"])
}

fn bare_loops(place: &Place) -> Processes {
    Processes::find(&place.sandbox, &["bare-loop"])
}

/// Measures a hundred of each: their memory and their own time at the same time, then the time of all of the
/// sandbox, one after the other.
pub(crate) fn once_a_second(place: &Place, report: &mut Report) {
    let (probed, bare_asked) = (hundred(PROBED), hundred(BARE));
    thread::sleep(window(SETTLE));
    let idle = place.rate(WINDOW);
    place.each("start", "app", bare_asked.0..=bare_asked.1);
    place.each("start", "bare", bare_asked.0..=bare_asked.1);
    thread::sleep(window(SETTLE));
    let (bare_whole, _) = place.per_check(idle, bare_asked, || thread::sleep(window(WINDOW)));

    place.each("start", "probed", probed.0..=probed.1);
    thread::sleep(window(SETTLE));
    let (ours, bare) = (probers(place), bare_loops(place));
    for (name, them) in [("conductor-probe", &ours), ("bare loop", &bare)] {
        report.memory(name, them);
    }
    let [ours, bare] = own(place, [(&ours, probed), (&bare, bare_asked)]);

    place.each("stop", "bare", bare_asked.0..=bare_asked.1);
    place.each("stop", "app", bare_asked.0..=bare_asked.1);
    thread::sleep(window(SETTLE));
    let (our_whole, _) = place.per_check(idle, probed, || thread::sleep(window(WINDOW)));
    place.each("stop", "probed", probed.0..=probed.1);

    report.cost("bare loop, 100 at 1 s", Cost { whole: Some(bare_whole), ..bare });
    report.cost("conductor-probe, 100 at 1 s", Cost { whole: Some(our_whole), ..ours });
}

/// Measures one of each with a short interval, so that caches stay warm.
pub(crate) fn fast(place: &Place, report: &mut Report) {
    let (ours, bare) = FAST;
    place.each("start", "app", bare..=bare);
    place.each("start", "bare-fast", bare..=bare);
    place.each("start", "probed-fast", ours..=ours);
    thread::sleep(window(SETTLE));
    let found = [(&probers(place), (ours, ours)), (&bare_loops(place), (bare, bare))];
    let [our_cost, bare_cost] = own(place, found);
    place.each("stop", "probed-fast", ours..=ours);
    place.each("stop", "bare-fast", bare..=bare);
    place.each("stop", "app", bare..=bare);
    report.cost("bare loop, one at 10 ms", bare_cost);
    report.cost("conductor-probe, one at 10 ms", our_cost);
}

/// Returns the checking processes' own time for a check.
fn own(place: &Place, both: [(&Processes, (u16, u16)); 2]) -> [Cost; 2] {
    let before = both.map(|(them, ports)| (place.answered(ports.0, ports.1), them.ran()));
    thread::sleep(window(WINDOW));
    let mut index = 0;
    both.map(|(them, ports)| {
        let (count, ran) = before[index];
        index += 1;
        let ran = them.ran().saturating_sub(ran);
        let checks = place.answered(ports.0, ports.1) - count;
        let own = ran.as_secs_f64() * 1000.0 / f64::from(checks);
        Cost { own: Some(own), whole: None, checks }
    })
}
