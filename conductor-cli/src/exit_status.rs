//! The exit statuses of all commands. The table in `docs/cli.md` is generated from this file.

/// Done, also if nothing had to change.
pub(crate) const DONE: u8 = 0;
/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// Bad usage, an error in a definition, or a foreign file in the way.
pub(crate) const BAD_INPUT: u8 = 2;
/// The change failed, and the old release still serves.
pub(crate) const OLD_SERVES: u8 = 3;
/// Another process holds the lock.
pub(crate) const LOCKED: u8 = 4;
/// Of `conductor run`: its command exceeded `--timeout`.
pub(crate) const TIMED_OUT: u8 = 124;
/// Of `conductor run`, whose other statuses are those of its command: conductor itself failed.
pub(crate) const NOT_RUN: u8 = 125;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::generated;

    /// Each status, its meaning, and what else is to be known.
    const TABLE: [(u8, &str, &str); 7] = [
        (DONE, "done, also if nothing had to change", "also every dry run that shows a plan"),
        (
            FAILED,
            "failed",
            "also: a job that failed (`cron run-now`), lines that could not be converted (`cron import`, `import`), \
             something that is not healthy (`status --check`), an error that `doctor` finds",
        ),
        (
            BAD_INPUT,
            "bad usage, an error in a definition, or a foreign file in the way",
            "nothing was changed",
        ),
        (
            OLD_SERVES,
            "the change failed or was interrupted, and the old release still serves (with `stop-first`: \
             serves again)",
            "the result is printed as always, with `failure`",
        ),
        (
            LOCKED,
            "another conductor process holds the lock, and did not end in time",
            "nothing was changed",
        ),
        (TIMED_OUT, "`run`: the command exceeded `--timeout`", ""),
        (
            NOT_RUN,
            "`run`: conductor itself failed",
            "`run` has this status in place of those above; only bad usage is 2 there as well",
        ),
    ];

    #[test]
    fn the_table_of_exit_statuses_is_generated() {
        let mut table = "| exit status | | |\n| --- | --- | --- |\n".to_owned();
        for (status, meaning, more) in TABLE {
            writeln!(table, "| {status} | {meaning} | {more} |").unwrap();
        }
        table.push_str(
            "| 129, 130, 143 | a second SIGHUP, Ctrl-C or SIGTERM ended the process at once | there is no \
             result; run it again |\n",
        );
        generated::assert_generated("cli.md", "exit statuses", &table);
    }
}
