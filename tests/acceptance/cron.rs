//! Compares translated crontab expressions with two others: when systemd's calendar events elapse, and when a
//! cron library would run the job.

#![expect(clippy::print_stderr, reason = "how much was compared is for whoever runs the tests")]

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime};
use conductor_core::cron::{CalendarEvent, Expression, Timetable};
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Test;
use crate::host::Host;
use crate::numbers::Numbers;

pub(crate) const TESTS: &[Test] = &[
    ("expressions_elapse_when_cron_would_run", expressions_elapse_when_cron_would_run),
    ("days_that_begin_with_a_star", days_that_begin_with_a_star),
    ("what_translate_says", what_translate_says),
    ("calendars_are_judged_as_by_systemd", calendars_are_judged_as_by_systemd),
];

const EXPRESSIONS: usize = 3_000;
const FIRINGS: usize = 200;
/// Ends of a day, of months, of a year, and before a leap day, when systemd's own steps go wrong.
const BASES: [&str; 6] = [
    "2026-11-25 23:59:59",
    "2026-12-31 23:59:59",
    "2027-01-31 23:58:30",
    "2028-02-28 23:59:59",
    "2028-02-29 12:00:00",
    "2026-09-30 22:00:00",
];

/// Generates expressions.
impl Numbers {
    fn field(&mut self, least: u64, most: u64, names: &[&str], stars: bool) -> String {
        let value = |numbers: &mut Self| least + numbers.below(most - least + 1);
        let name = |value: u64, numbers: &mut Self| {
            let index = usize::try_from(value - least).expect("small");
            match names.get(index) {
                Some(name) if numbers.below(2) == 0 => (*name).to_owned(),
                _ => value.to_string(),
            }
        };
        let range = |numbers: &mut Self| {
            let (a, b) = (value(numbers), value(numbers));
            (a.min(b), a.max(b))
        };
        match self.below(8) {
            0 | 1 if stars => "*".to_owned(),
            2 if stars => format!("*/{}", 1 + self.below(most)),
            3 => {
                let (a, b) = range(self);
                // The library reads `sun` at the end of a range as 7; Debian's cron as 0.
                let end = if b == 0 { "0".to_owned() } else { name(b, self) };
                format!("{}-{end}", name(a, self))
            }
            4 => {
                let (a, b) = range(self);
                format!("{a}-{b}/{}", 1 + self.below(12))
            }
            5 => {
                let items: Vec<_> = (0..2 + self.below(4)).map(|_| value(self)).collect();
                items.into_iter().map(|item| name(item, self)).collect::<Vec<_>>().join(",")
            }
            6 => {
                let ((a, b), c) = (range(self), value(self));
                format!("{a}-{b},{c}")
            }
            _ => {
                let value = value(self);
                name(value, self)
            }
        }
    }

    /// Returns an expression. At most one of its two day fields begins with a star that is not alone, because
    /// the library differs from Debian's cron there.
    fn expression(&mut self) -> String {
        const MONTHS: [&str; 12] =
            ["jan", "FEB", "mar", "apr", "May", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        const DAYS: [&str; 7] = ["sun", "Mon", "tue", "wed", "thu", "FRI", "sat"];
        let time = [self.field(0, 59, &[], true), self.field(0, 23, &[], true)];
        let month = self.field(1, 12, &MONTHS, true);
        let (day, weekday) = match self.below(4) {
            0 => (self.field(1, 31, &[], true), "*".to_owned()),
            1 => ("*".to_owned(), self.field(0, 6, &DAYS, true)),
            2 => ("*".to_owned(), "*".to_owned()),
            _ => (self.field(1, 31, &[], false), self.field(0, 6, &DAYS, false)),
        };
        format!("{} {} {day} {month} {weekday}", time[0], time[1])
    }
}

fn seconds(text: &str) -> i64 {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time");
    time.and_utc().timestamp()
}

/// Asks systemd when calendar events elapse, each set from its base time, with one command.
fn elapses(host: &Host, sets: &[(Vec<String>, &str)]) -> Vec<Vec<i64>> {
    let mut script = "export TZ=UTC\n".to_owned();
    for (events, base) in sets {
        let events: Vec<_> = events.iter().map(|event| format!("'{event}'")).collect();
        let _ = writeln!(
            script,
            "echo set; systemd-analyze calendar --iterations={FIRINGS} --base-time='{base}' {}",
            events.join(" ")
        );
    }
    host.write("/srv/elapses.sh", &script);
    let times = host.sh("sh /srv/elapses.sh 2>&1 | sed -n \
         -e 's/^set$/set/p' -e 's/.*: [A-Z][a-z][a-z] \\(....-..-.. ..:..:..\\).*/\\1/p'");
    let mut found: Vec<Vec<i64>> = Vec::new();
    for line in times.lines() {
        match (line, found.last_mut()) {
            ("set", _) => found.push(Vec::new()),
            (time, Some(set)) => set.push(seconds(time)),
            (time, None) => panic!("{time} is of no set"),
        }
    }
    for set in &mut found {
        set.sort_unstable();
        set.dedup();
        set.truncate(FIRINGS);
    }
    found
}

/// Returns the times that `conductor cron next` would show.
fn own_times(events: &[String], base: i64) -> Vec<i64> {
    let events = events.iter().map(|event| event.parse::<CalendarEvent>().expect("an event"));
    let timetable = Timetable::new(events, |_| Ok::<_, ()>(TimeZone::UTC)).expect("no zone");
    let base = Timestamp::from_second(base).expect("a time");
    timetable.times_after(base).take(FIRINGS).map(Timestamp::as_second).collect()
}

fn expressions_elapse_when_cron_would_run(host: &Host) {
    let mut numbers = Numbers(0x2026_1125);
    let (mut texts, mut sets) = (Vec::new(), Vec::new());
    while texts.len() < EXPRESSIONS {
        let text = numbers.expression();
        // An expression that never matches is rejected.
        let Ok(expression) = text.parse::<Expression>() else { continue };
        let events = expression.calendar_events(None);
        let events: Vec<_> = events.iter().map(CalendarEvent::to_string).collect();
        let base = BASES[texts.len() % BASES.len()];
        texts.push(text);
        sets.push((events, base));
    }
    let found = elapses(host, &sets);
    assert_eq!(found.len(), EXPRESSIONS);
    let (mut firings, mut wrong) = (0, Vec::new());
    for ((text, (events, base)), found) in texts.iter().zip(&sets).zip(&found) {
        let cron: Cron = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let base_time = DateTime::from_timestamp(seconds(base), 0).expect("a time").naive_utc();
        let times = cron.iter_after(base_time).take(FIRINGS);
        let expected: Vec<_> = times.map(|time| time.and_utc().timestamp()).collect();
        firings += expected.len();
        let own = own_times(events, base_time.and_utc().timestamp());
        // A set of rare events ends where systemd's list ends.
        let same = found.len().min(expected.len());
        if own[..same] != expected[..same]
            || found[..same] != expected[..same]
            || same < FIRINGS.min(20)
        {
            wrong.push(format!("{text} from {base}: {events:?}: {} times", found.len()));
        }
    }
    eprintln!("cron: {EXPRESSIONS} expressions, {firings} firings, {} mismatches", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(20)].join("\n"));
}

/// If a day field begins with a star, both must match (Debian's cron, `DOM_STAR` and `DOW_STAR`); the library
/// does that only for a star alone. The days of these months were counted by hand.
fn days_that_begin_with_a_star(host: &Host) {
    // 2027-02 begins on a Monday.
    let table: [(&str, &[u32]); 7] = [
        ("0 0 * 2 0-sun", &[7, 14, 21, 28]),
        ("0 0 * 2 sun-0", &[7, 14, 21, 28]),
        ("0 0 */2 2 mon", &[1, 15]),
        ("0 0 *,13 2 fri", &[5, 12, 19, 26]),
        ("0 0 13 2 */2", &[13]),
        ("0 0 13,15 2 *,1", &[13, 15]),
        ("0 0 13 2 fri", &[5, 12, 13, 19, 26]),
    ];
    let sets = table.map(|(text, _)| {
        let expression: Expression = text.parse().expect("an expression");
        let events = expression.calendar_events(None);
        (events.iter().map(CalendarEvent::to_string).collect(), "2027-01-31 23:59:59")
    });
    for ((text, days), found) in table.iter().zip(elapses(host, &sets)) {
        let expected = days.iter().map(|day| seconds(&format!("2027-02-{day:02} 00:00:00")));
        let end = seconds("2027-03-01 00:00:00");
        let found: Vec<_> = found.into_iter().filter(|time| *time < end).collect();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{text}");
    }
}

fn what_translate_says(host: &Host) {
    let translate = |words: &[&str]| host.conductor(&[&["cron", "translate"], words].concat());
    let ran = translate(&["30 2 * * 1-5", "--timezone", "Europe/Berlin"]).exits(0);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "OnCalendar=Mon..Fri *-*-* 02:30:00 Europe/Berlin");
    assert_eq!((lines[1], lines.len()), ("at 02:30, Monday to Friday", 7), "{ran}");
    let one = translate(&["0 0 13 * fri", "--output", "json"]).exits(0).json();
    let five = translate(&["0", "0", "13", "*", "fri", "--output", "json"]).exits(0).json();
    assert_eq!(one["on_calendar"], serde_json::json!(["*-*-13 00:00:00", "Fri *-*-* 00:00:00"]));
    assert_eq!((&one["on_calendar"], &one["words"]), (&five["on_calendar"], &five["words"]));
    assert_eq!(one["next"].as_array().map(Vec::len), Some(5));
    translate(&["@reboot"]).exits(0).complains("no OnCalendar= line");
    for (text, why) in [
        ("0 0 30 2 *", "it would never run"),
        ("5/10 * * * *", "hint: write 5-59/10"),
        ("@every 5m", "hint: write every: 5min in place of schedule"),
        ("22-2 * * * *", "runs backwards"),
    ] {
        translate(&[text]).exits(2).complains(why);
    }
    // Zones have the names of their files, by which systemd finds them.
    for zone in ["Moon/Sea", "europe/berlin"] {
        translate(&["@daily", "--timezone", zone]).exits(2).complains("not a time zone");
    }
}

fn calendars_are_judged_as_by_systemd(host: &Host) {
    const CALENDARS: &[&str] = &[
        "daily",
        "Weekly",
        "minutely",
        "hourly",
        "monthly",
        "yearly",
        "annually",
        "quarterly",
        "semiannually",
        "biannually",
        "anually",
        "fortnightly",
        "Mon..Fri 09:00",
        "mon,WED 9:5",
        "Monday",
        "Sun..Tue",
        "Sat,Sun 20:00",
        "*-*-* 4:30",
        "*-*~01",
        "*-02~03",
        "*-*~07/1 12:00",
        "2027-02-29",
        "2027-2-3",
        "12-25",
        "*:0/15",
        "*:*",
        "*:*:*",
        "00:00:00.5",
        "*:*:00..30/10",
        "05:40",
        "5",
        "25:00",
        "*-13-01",
        "1970-01-01",
        "2200-01-01",
        "",
        " ",
        "Mon",
        "Mon..",
        "..Fri",
        "Fri *-*-08..14",
        "*-*-1,15",
        "*-1..6-*",
        "*-*-*/2",
        "*/2-1-1",
        "*:0/0",
        "*:5-10",
        "*:60",
        "10:00 UTC",
        "10:00 Europe/Berlin",
        "10:00 Moon/Sea",
        "10:00 CET",
        "UTC",
        "@daily",
        "x",
        "*-*",
        "*-*-* *",
        "2027-01-01 2027-01-02",
        "10:00:60",
        "1,2:3,4",
        "*:00..50",
        "*~1",
        "~01",
        "09..17:00",
        "9-17:00",
        "Mon-Fri",
        "Mon,,Tue",
        "Mon.Fri",
        "20*-1-1",
        "99-1-1",
        "69-1-1",
        "70-1-1",
    ];
    let script: String = CALENDARS
        .iter()
        .map(|text| {
            format!("systemd-analyze calendar -- '{text}' >/dev/null 2>&1 && echo yes || echo no\n")
        })
        .collect::<Vec<_>>()
        .concat();
    let judged = host.sh(&script);
    let wrong: Vec<_> = CALENDARS
        .iter()
        .zip(judged.lines())
        // The list of zones depends on the host.
        .filter(|(text, _)| !text.contains("Moon") && !text.contains("CET"))
        .filter(|(text, judged)| text.parse::<CalendarEvent>().is_ok() != (*judged == "yes"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
