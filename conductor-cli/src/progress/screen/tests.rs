//! Tests of the live list's layout.

use std::time::Duration;

use super::*;

const SIZE: Size = Size { columns: 80, lines: 24 };

fn running(now: Instant, step: &str, millis: u64) -> RunningStep {
    let since = now.checked_sub(Duration::from_millis(millis)).unwrap();
    RunningStep { service: "web".to_owned(), step: step.to_owned(), since }
}

fn instance(number: u16, state: ActiveState, status: Option<&str>) -> Progress {
    Progress {
        service: "web".parse().unwrap(),
        unit: format!("conductor-web-v2.7f3ac2-{number}.service").parse().unwrap(),
        state,
        status: status.map(str::to_owned),
    }
}

fn starting(now: Instant) -> Screen {
    Screen {
        waiting: None,
        steps: vec![
            running(now, "start conductor-web-v2.7f3ac2-1.service", 12_345),
            running(now, "start conductor-web-v2.7f3ac2-10.service", 12_345),
            running(now, "pull registry.example/web:v2", 90_000),
        ],
        instances: vec![
            instance(1, ActiveState::Activating, Some("unhealthy: connection\x1b[2J refused")),
            instance(10, ActiveState::Active, None),
            instance(3, ActiveState::Deactivating, None),
        ],
    }
}

fn text(rows: &[Drawn]) -> String {
    rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_step_has_its_instance_beside_it() {
    let now = Instant::now() + Duration::from_hours(1);
    insta::assert_snapshot!(text(&starting(now).rows(now, SIZE, false)), @r"
    web: start v2.7f3ac2-1                12.3s  activating    unhealthy: connecti…
    web: start v2.7f3ac2-10               12.3s  active
    web: pull registry.example/web:v2  1min 30s
    web: v2.7f3ac2-3                             deactivating
    ");
}

#[test]
fn a_row_is_never_as_wide_as_the_terminal() {
    let now = Instant::now() + Duration::from_hours(1);
    for columns in [0, 1, 20, 30, 44, 57, 58, 64, 80] {
        for color in [false, true] {
            let rows = starting(now).rows(now, Size { columns, ..SIZE }, color);
            assert!(rows.iter().all(|row| row.columns < columns.max(20)), "{columns}");
        }
    }
    assert_eq!(cut("aßé", 3), "aßé");
    assert_eq!(cut("日本語", 5), "日本…");
    assert_eq!(cut("日本語", 4), "日…");
}

#[test]
fn there_are_never_more_rows_than_lines() {
    let now = Instant::now() + Duration::from_hours(1);
    let rows = |lines| starting(now).rows(now, Size { lines, ..SIZE }, false);
    assert_eq!(rows(5).len(), 4);
    assert_eq!(rows(4).len(), 3);
    assert_eq!(rows(4)[2].text, "and 2 more");
    assert_eq!(text(&rows(0)), "and 4 more");
}

#[test]
fn only_states_have_colours() {
    let now = Instant::now() + Duration::from_hours(1);
    let rows = starting(now).rows(now, SIZE, true);
    let plain = starting(now).rows(now, SIZE, false);
    assert!(rows[0].text.contains("  \x1b[33mactivating\x1b[0m    unhealthy"), "{rows:?}");
    assert!(rows[1].text.ends_with("  \x1b[32mactive\x1b[0m"), "{rows:?}");
    assert_eq!(rows[2], plain[2]);
    assert_eq!(rows[0].columns, plain[0].columns);
}

#[test]
fn a_wait_is_shown() {
    let now = Instant::now() + Duration::from_secs(9);
    let since = now.checked_sub(Duration::from_millis(3_210)).unwrap();
    let screen = Screen { waiting: Some(("waits".to_owned(), since)), ..Screen::default() };
    assert_eq!(text(&screen.rows(now, SIZE, true)), "waits      3.2s");
}
