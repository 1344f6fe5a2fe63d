//! Notes about commands that behave differently under systemd.

use super::shell;
use crate::error::Invalid;

/// Returns what an operator has to know about a command before systemd runs it.
pub(super) fn of(command: &str) -> Vec<Invalid> {
    let mut notes = Vec::new();
    if command.contains("/run/systemd/system") {
        let note = Invalid::new("the command checks whether systemd runs, and may then do nothing");
        notes.push(note.hint("if its package has a timer of its own, remove this job"));
    }
    if let Some(word) = shell::left_behind(command) {
        let why = format!(
            "{word} leaves a process in the background: systemd kills what still runs when a job ends"
        );
        notes.push(
            Invalid::new(why).hint(
                "run it in the foreground; or, if it is to stay, add children: keep to the job",
            ),
        );
    }
    if let Some(release) = release_directory(command) {
        let why = format!(
            "the command runs in the release {release}, and the next deploy changes only the crontab"
        );
        notes.push(Invalid::new(why).hint("write the directory `current` in its place"));
    }
    notes
}

/// Returns the directory of one release in the way of Capistrano: `releases/20240501120000`.
fn release_directory(command: &str) -> Option<&str> {
    let (_, rest) = command.split_once("/releases/")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    // A date, or a date and a time.
    (end >= 8).then(|| &rest[..end])
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
            ("cd /srv/app/releases/20240501120000 && bin/x", 1),
            ("cd /srv/app/releases/v12 && bin/x", 0),
        ] {
            assert_eq!(of(command).len(), count, "{command}");
        }
    }
}
