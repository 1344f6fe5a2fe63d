//! Calendar events as systemd itself judges them, and computes them where clocks change.

#![expect(clippy::print_stderr, reason = "how much was compared is for whoever runs the tests")]

use std::fmt::Write as _;
use std::fs;

use chrono::NaiveDateTime;
use conductor_core::cron::{CalendarEvent, Timetable};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::Test;
use crate::host::Host;
use crate::numbers::Numbers;

pub(crate) const TESTS: &[Test] = &[
    ("leave_nothing_out_where_steps_are_open", leave_nothing_out_where_steps_are_open),
    ("elapse_as_systemd_says_where_clocks_change", elapse_as_systemd_says_where_clocks_change),
    ("with_mistakes_are_judged_as_by_systemd", with_mistakes_are_judged_as_by_systemd),
];

/// Zones whose clocks change by an hour, by half an hour, at midnight, to the other side in the north and in
/// the south, and never.
const ZONES: [&str; 10] = [
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Atlantic/Azores",
    "Asia/Kolkata",
];
/// Every hour at which clocks change, before it and behind it; and what repeats.
const EVENTS: [&str; 16] = [
    "00:00",
    "00:30",
    "01:00",
    "01:15,45",
    "01:59:59",
    "02:00",
    "02:15,30",
    "03:00",
    "23:30",
    "*:00",
    "*:0..59/20",
    "0..23/2:30",
    "Sun 02:30",
    "Sun *-*-* 00,01,02,03:10",
    "*-*~01..07 01:30",
    "*-03,04,10,11-* 02:05",
];
const TIMES: usize = 60;

/// Events whose next times systemd is asked for, in one call.
struct Question {
    /// The zone of the clock.
    zone: &'static str,
    /// The times that are wanted come after it.
    base: Timestamp,
    events: Vec<String>,
}

/// Asks systemd for the next times of each event, in seconds since 1970.
fn elapses(host: &Host, asked: &[Question]) -> Vec<Vec<i64>> {
    let mut script = String::new();
    for Question { zone, base, events } in asked {
        let base = base.as_second();
        let events = events.join("' '");
        let _ = writeln!(
            script,
            "TZ={zone} systemd-analyze calendar --iterations={TIMES} --base-time=@{base} '{events}'"
        );
    }
    host.write("/srv/elapses.sh", &script);
    let lines = host.sh("sh /srv/elapses.sh 2>&1 | sed -n -e 's/^Normalized form:.*/next/p' \
         -e 's/^ *\\(Next elapse\\|Iter\\(ation\\|\\.\\) #[0-9]*\\|(in UTC)\\): ... \\(.*\\) UTC$/\\3/p'");
    let mut found: Vec<Vec<i64>> = Vec::new();
    for line in lines.lines() {
        match (line, found.last_mut()) {
            ("next", _) => found.push(Vec::new()),
            (time, Some(times)) => {
                let time = NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S");
                times.push(time.expect("a time").and_utc().timestamp());
            }
            (time, None) => panic!("{time} is of no event"),
        }
    }
    found
}

fn elapse_as_systemd_says_where_clocks_change(host: &Host) {
    let from: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
    let (mut asked, mut questions) = (Vec::new(), Vec::new());
    for zone in ZONES {
        let data =
            fs::read(host.path("/usr/share/zoneinfo").join(zone)).expect("the zone is there");
        let known = TimeZone::tzif(zone, &data).expect("the zone is sound");
        let changes: Vec<_> = known.following(from).take(3).map(|it| it.timestamp()).collect();
        // Of a zone whose clocks never change, any time will do.
        let changes = if changes.is_empty() { vec![from] } else { changes };
        for (number, change) in changes.into_iter().enumerate() {
            for minutes in [-36 * 60, -90, -31, -1, 0, 1, 29, 61] {
                let base = change + SignedDuration::from_mins(minutes);
                asked.extend(EVENTS.map(|event| (format!("{event} {zone}"), base, known.clone())));
                // systemd starts a process for each time of an event that names its zone, so most are asked
                // for by the clock of the zone. That both are the same is asked once for each zone. Casablanca's
                // clock passes for UTC with systemd, which then shows no time in UTC.
                let by_name = number == 0 && minutes == -1 || zone == "Africa/Casablanca";
                questions.push(if by_name {
                    let events = EVENTS.map(|event| format!("{event} {zone}")).into();
                    Question { zone: "UTC", base, events }
                } else {
                    Question { zone, base, events: EVENTS.map(str::to_owned).into() }
                });
            }
        }
    }
    let found = elapses(host, &questions);
    assert_eq!(found.len(), asked.len());
    let (mut compared, mut backwards, mut wrong) = (0, 0, Vec::new());
    for ((event, base, zone), found) in asked.iter().zip(found) {
        // In the hour that comes twice, where a day is counted from the end of its month, systemd may say a
        // time that has been: glibc's mktime(3) takes the hour for the one it met last.
        if found.first().is_some_and(|first| *first <= base.as_second()) {
            backwards += 1;
            continue;
        }
        let parsed: CalendarEvent = event.parse().expect("an event");
        let known = |_: Option<&str>| Ok::<_, ()>(zone.clone());
        let timetable = Timetable::new([parsed], known).expect("the zone is known");
        let own: Vec<_> =
            timetable.times_after(*base).take(TIMES).map(Timestamp::as_second).collect();
        compared += found.len();
        if found != own || found.is_empty() {
            let at = found.iter().zip(&own).position(|(a, b)| a != b).unwrap_or_default();
            wrong.push(format!("{event} from {base}: {:?}, not {:?}", own.get(at), found.get(at)));
        }
    }
    let (asked, wrongs) = (asked.len(), wrong.len());
    eprintln!(
        "calendars: {asked} questions, {compared} times, {wrongs} wrong, {backwards} backwards"
    );
    assert!(backwards <= 3, "{backwards}");
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(20)].join("\n"));
}

/// systemd leaves midnight out of `*:0/7`; out of what conductor makes of it, it leaves nothing.
fn leave_nothing_out_where_steps_are_open(host: &Host) {
    let base: Timestamp = "2027-12-31T23:59:58Z".parse().expect("a time");
    // In seconds of 2028.
    let expected: [(&str, &[i64]); 6] = [
        ("*:0/7", &[0, 420, 840]),
        ("00/5:00", &[0, 5 * 3600, 10 * 3600]),
        ("*:*:0/25", &[0, 25, 50, 60]),
        ("*:*:0/2.5", &[0, 2, 5, 7]),
        ("*-*-1/14 06:00", &[6 * 3600, (14 * 24 + 6) * 3600]),
        ("*-1/5-1 03:00", &[3 * 3600, ((31 + 29 + 31 + 30 + 31) * 24 + 3) * 3600]),
    ];
    let elapses = |events: &[String]| {
        elapses(host, &[Question { zone: "UTC", base, events: events.to_vec() }])
    };
    let bounded = expected.map(|(event, _)| {
        let event: CalendarEvent = event.parse().expect("an event");
        event.bounded().to_string()
    });
    let written = expected.map(|(event, _)| event.to_owned());
    let left_out = elapses(&written).into_iter().filter(|times| times[0] > base.as_second() + 2);
    eprintln!(
        "open steps: systemd leaves out the first of {} of {}",
        left_out.count(),
        written.len()
    );
    for (event, (found, (_, times))) in bounded.iter().zip(elapses(&bounded).iter().zip(expected)) {
        let found: Vec<_> = found.iter().map(|second| second - base.as_second() - 2).collect();
        assert_eq!(&found[..times.len()], times, "{event}");
    }
}

/// Changes good events by a character or two, and asks systemd what it thinks of them.
fn with_mistakes_are_judged_as_by_systemd(host: &Host) {
    const GOOD: [&str; 12] = [
        "Mon..Fri *-*-* 09:00:00",
        "Sat,Sun 20:15",
        "*-*~01 12:00",
        "2027-02-29 1:2:3",
        "*-1..6/2-1,15 *:0/15",
        "12-25",
        "*:*:0/10",
        "weekly UTC",
        "Fri *-*-08..14",
        "*-02~03/2 05:40:30.25",
        "quarterly",
        "Thu,Mon..Tue 0..6:00..50/10",
    ];
    const CHARACTERS: [char; 24] = [
        '0', '1', '2', '5', '9', '*', '/', '.', ',', '-', '~', ':', ' ', 'M', 'o', 'n', 'F', 'r',
        'i', 'x', 'U', '6', '3', 'S',
    ];
    const MISTAKES: usize = 3000;
    let mut numbers = Numbers(0x2027_0229);
    let mut texts = Vec::new();
    while texts.len() < MISTAKES {
        let mut text: Vec<char> = GOOD[numbers.index(GOOD.len())].chars().collect();
        for _ in 0..=numbers.below(2) {
            let at = numbers.index(text.len());
            let character = CHARACTERS[numbers.index(CHARACTERS.len())];
            match numbers.below(3) {
                0 => text[at] = character,
                1 => text.insert(at, character),
                _ => drop(text.remove(at)),
            }
        }
        texts.push(text.into_iter().collect::<String>());
    }
    let mut script = String::new();
    for text in &texts {
        let _ = writeln!(
            script,
            "systemd-analyze calendar -- '{text}' >/dev/null 2>&1 && echo yes || echo no"
        );
    }
    host.write("/srv/judge.sh", &script);
    let judged = host.sh("sh /srv/judge.sh");
    let good = judged.lines().filter(|judged| *judged == "yes").count();
    eprintln!("calendars: {MISTAKES} with mistakes, {good} of them are events all the same");
    assert!((MISTAKES / 10..MISTAKES * 9 / 10).contains(&good), "{good}");
    let wrong: Vec<_> = texts
        .iter()
        .zip(judged.lines())
        .filter(|(text, judged)| match text.parse::<CalendarEvent>() {
            // Which zones there are is the host's business.
            Ok(event) if event.time_zone().is_some_and(|zone| zone != "UTC") => false,
            parsed => parsed.is_ok() != (*judged == "yes"),
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong: {:?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}
