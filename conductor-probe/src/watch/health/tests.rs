//! Results, second by second, and the messages for systemd.

use super::*;
use crate::check::Answer;

const SECOND: Duration = Duration::from_secs(1);

fn timing() -> Timing {
    Timing {
        interval: 5 * SECOND,
        timeout: 2 * SECOND,
        retries: 3,
        start_period: 60 * SECOND,
        success_threshold: 1,
    }
}

/// Returns the messages for results at these seconds.
fn play(timing: Timing, results: &[(u64, bool)]) -> Vec<String> {
    let start = Instant::now();
    let mut health = HealthTracker::new(timing, start);
    let result = |healthy| match healthy {
        true => Ok(Healthy { answer: Answer::Status(200), took: Duration::from_millis(3) }),
        false => Err(Unhealthy::Text("ok".to_owned())),
    };
    let mut told = |(seconds, healthy): &(u64, bool)| {
        let event = health.observe(start + Duration::from_secs(*seconds), result(*healthy));
        let mut message = Message::default();
        health.tell(&event, &mut message);
        let text = message.to_string().trim_end().replace("STATUS=", "").replace('\n', " ");
        text.replace("the answer does not contain \"ok\"", "no")
    };
    results.iter().map(&mut told).collect()
}

#[test]
fn a_service_gets_ready_fails_recovers_and_fails_for_good() {
    let results =
        [(1, false), (2, true), (7, false), (12, false), (17, true), (22, false), (27, false)];
    let mut expected = vec![
        "starting: no, 1 check",
        "healthy: 200 in 3 ms, 2 checks WATCHDOG=1",
        "unhealthy 1/3: no WATCHDOG=1",
        "unhealthy 2/3: no WATCHDOG=1",
        "healthy: 200 in 3 ms, 5 checks WATCHDOG=1",
        "unhealthy 1/3: no WATCHDOG=1",
        "unhealthy 2/3: no WATCHDOG=1",
    ];
    assert_eq!(play(timing(), &results), expected);
    expected.push("unhealthy 3/3: no WATCHDOG=trigger");
    let results: Vec<_> = results.into_iter().chain([(32, false)]).collect();
    assert_eq!(play(timing(), &results), expected);
}

#[test]
fn failures_of_a_start_count_once_an_interval_when_its_time_is_over() {
    let told = play(timing(), &[(59, false), (60, false), (61, false), (65, false), (70, false)]);
    assert_eq!(told[3], "starting: no, 4 checks");
    assert_eq!(told[4], "never healthy in 70 s: no WATCHDOG=trigger");
    let told = play(timing(), &[(60, false), (65, false), (69, true)]);
    assert_eq!(told[2], "healthy: 200 in 3 ms, 3 checks WATCHDOG=1");
    let none = Timing { start_period: Duration::ZERO, retries: 1, ..timing() };
    assert_eq!(play(none, &[(0, false)]), ["never healthy in 0 ms: no WATCHDOG=trigger"]);
}

#[test]
fn failures_count_after_the_first_of_several_successes() {
    let timing = Timing { success_threshold: 2, ..timing() };
    let told = play(timing.clone(), &[(1, false), (2, true), (3, false), (4, true), (5, true)]);
    assert_eq!(told[1], "starting: healthy 1/2: 200 in 3 ms, 2 checks");
    assert_eq!(told[3], "starting: healthy 1/2: 200 in 3 ms, 4 checks");
    assert_eq!(told[4], "healthy: 200 in 3 ms, 5 checks WATCHDOG=1");
    let told = play(timing, &[(1, true), (2, false), (7, false), (12, false)]);
    assert_eq!(told[3], "never healthy in 12 s: no WATCHDOG=trigger");
}

#[test]
fn checks_are_short_and_frequent_at_first() {
    let start = Instant::now();
    let mut health = HealthTracker::new(timing(), start);
    let millis = Duration::from_millis;
    for (elapsed, pause) in
        [(0, 2), (8, 2), (40, 10), (60, 15), (60_000, 15), (600_000, 150), (40_000_000, 5000)]
    {
        assert_eq!(health.pause(start + millis(elapsed), millis(1)), millis(pause));
    }
    for (elapsed, patience) in [(0, 40), (100, 50), (3998, 1999), (9000, 2000)] {
        assert_eq!(health.patience(start + millis(elapsed)), millis(patience));
    }
    health.ready = true;
    assert_eq!(health.patience(start), 2 * SECOND);
    assert_eq!(health.pause(start, millis(3)), millis(4997));
    assert_eq!(health.pause(start, millis(4900)), millis(1250));
    assert_eq!(health.pause(start, millis(7000)), millis(1250));
}
