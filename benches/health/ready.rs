//! The time from an application's first possible answer until its unit is active.

use std::fs;

use crate::place::{Place, is_trial};
use crate::table::Report;

/// How long the application takes to start, in milliseconds, and how often it is started.
const STARTS: [(u32, usize); 4] = [(100, 10), (500, 10), (2000, 6), (5000, 4)];
const PORT: u16 = 24001;

pub(crate) fn measure(place: &Place, report: &mut Report) {
    let starts: &[_] = if is_trial() { &[(100, 1)] } else { &STARTS };
    for &(delay, times) in starts {
        let unit = format!("slow-{delay}");
        place.probed(&unit, "5s", &delay.to_string());
        let mut waits: Vec<f64> = (0..times).map(|_| start(place, &unit)).collect();
        waits.sort_by(f64::total_cmp);
        report.ready(delay, &waits);
    }
}

/// Starts and stops it once, and returns the milliseconds between the two times.
fn start(place: &Place, unit: &str) -> f64 {
    place.each("start", unit, PORT..=PORT);
    let answers = place.sandbox.path(&format!("/run/answers-{PORT}"));
    let answers = fs::read_to_string(answers).expect("the application said when it answers");
    let show = "systemctl show --value --property=ActiveEnterTimestampMonotonic";
    let active = place.sh(&format!("{show} {unit}@{PORT}.service"));
    place.each("stop", unit, PORT..=PORT);
    let micros = |text: &str| text.trim().parse::<f64>().expect("microseconds");
    (micros(&active) - micros(&answers)) / 1000.0
}
