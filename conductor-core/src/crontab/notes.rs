//! Notes about commands that behave differently under systemd.

use crate::error::Invalid;

/// Returns what an operator has to know about a command before systemd runs it.
pub(super) fn of(command: &str) -> Vec<Invalid> {
    let mut notes = Vec::new();
    if command.contains("/run/systemd/system") {
        let note = Invalid::new("the command checks whether systemd runs, and may then do nothing");
        notes.push(note.hint("if its package has a timer of its own, remove this job"));
    }
    if is_background(command) {
        let note =
            Invalid::new("the command ends in &: systemd kills what still runs when a job ends");
        notes.push(note.hint("remove the &"));
    }
    notes
}

/// Returns whether a shell would not wait for the last command.
fn is_background(command: &str) -> bool {
    let command = command.trim_end();
    command.ends_with('&') && !command.ends_with("&&") && !command.ends_with("\\&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_noted() {
        for (command, count) in [
            ("test -e /run/systemd/system || x", 1),
            ("[ -d \"/run/systemd/system\" ] || x&", 2),
            ("x & ", 1),
            ("x && y", 0),
            ("x >/dev/null 2>&1", 0),
        ] {
            assert_eq!(of(command).len(), count, "{command}");
        }
    }
}
