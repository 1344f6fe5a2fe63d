//! Repeated starts are delayed, the first restart is not.

use std::fs;

use crate::server::free;
use crate::unit::Unit;

#[test]
fn starts_in_a_row_are_counted_and_held_back() {
    let unit = Unit::new();
    let runtime = unit.path("runtime");
    fs::create_dir(&runtime).unwrap();
    let directories = format!("{}:/nonexistent", runtime.display());
    let start = || {
        let mut command = unit.probe();
        command.env("RUNTIME_DIRECTORY", &directories);
        let port = free();
        let tcp = port.tcp();
        unit.run(command.args(["exec", &tcp, "--", "/bin/false"]));
        fs::read_to_string(runtime.join("restarts")).unwrap()
    };
    assert_eq!([start(), start()], ["1\n", "2\n"]);
    assert_eq!([start(), start()], ["3\n", "4\n"]);
    let held = unit.message_with("STATUS=restarted ");
    assert!(held.starts_with(
        "STATUS=restarted 2 times in a row, next start in 100 ms\nEXTEND_TIMEOUT_USEC="
    ));
    let held = unit.message_with("STATUS=restarted ");
    assert!(held.starts_with("STATUS=restarted 3 times in a row, next start in 200 ms\n"));
    assert!(!runtime.join("restarts.new").exists());
}

#[test]
fn without_a_runtime_directory_nothing_is_held_back() {
    let unit = Unit::new();
    for _ in 0..3 {
        let mut command = unit.probe();
        assert!(!unit.run(command.args(["exec", "--", "/bin/false"])).status.success());
    }
    assert!(unit.is_silent_for(std::time::Duration::from_millis(1)));
}
