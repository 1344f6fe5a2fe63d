//! The help texts.

use probe_protocol::Subcommand;

/// Returns the help of a command, or of the probe itself.
pub(crate) fn of(subcommand: Option<Subcommand>) -> &'static str {
    match subcommand {
        None => ALL,
        Some(Subcommand::Exec) => {
            concat!(include_str!("help/exec.txt"), include_str!("help/check_options.txt"))
        }
        Some(Subcommand::Docker) => {
            concat!(include_str!("help/docker.txt"), include_str!("help/check_options.txt"))
        }
        Some(Subcommand::Check) => {
            concat!(include_str!("help/check.txt"), include_str!("help/check_options.txt"))
        }
        Some(Subcommand::Stop) => include_str!("help/stop.txt"),
        Some(Subcommand::Socket) => include_str!("help/socket.txt"),
        Some(Subcommand::Run) => include_str!("help/run.txt"),
        Some(Subcommand::Ended) => include_str!("help/ended.txt"),
        Some(Subcommand::Limit) => include_str!("help/limit.txt"),
        Some(Subcommand::Collect) => include_str!("help/collect.txt"),
        Some(Subcommand::Mail) => include_str!("help/mail.txt"),
        Some(Subcommand::Turn) => include_str!("help/turn.txt"),
        Some(Subcommand::Event) => include_str!("help/event.txt"),
    }
}

const ALL: &str = include_str!("help/all.txt");

#[cfg(test)]
mod tests {
    use probe_protocol::{Statuses, Timing, option, time};

    use super::*;

    /// Returns the options at the beginning of a help text's lines.
    fn described(text: &str) -> Vec<&str> {
        let options = text.lines().filter_map(|line| line.strip_prefix("  --"));
        let end = |option: &str| option.find(|c: char| c != '-' && !c.is_ascii_lowercase());
        let mut options: Vec<_> =
            options.map(|option| &option[..end(option).unwrap_or(option.len())]).collect();
        options.sort_unstable();
        options
    }

    #[test]
    fn each_option_is_described_where_it_is_known() {
        for subcommand in Subcommand::ALL {
            let known = option::of(subcommand);
            let mut known: Vec<_> =
                known.into_iter().filter_map(|option| option.strip_prefix("--")).collect();
            known.sort_unstable();
            assert_eq!(described(of(Some(subcommand))), known, "{subcommand}");
        }
    }

    #[test]
    fn defaults_are_the_protocols() {
        let Timing { interval, timeout, retries, start_period, success_threshold } =
            Timing::DEFAULT;
        let [interval, timeout, start_period] = [interval, timeout, start_period].map(time::write);
        for (option, default) in [
            (option::INTERVAL, interval),
            (option::TIMEOUT, timeout),
            (option::RETRIES, retries.to_string()),
            (option::START_PERIOD, start_period),
            (option::SUCCESS_THRESHOLD, success_threshold.to_string()),
            (option::STATUS, Statuses::DEFAULT.to_owned()),
        ] {
            let text = of(Some(Subcommand::Check));
            let line = text.lines().find(|line| line.contains(&format!("  {option} ")));
            let line = line.unwrap_or_default();
            assert!(line.ends_with(&format!("[default: {default}]")), "{option}: {line}");
        }
    }

    #[test]
    fn the_commands_for_people_are_listed() {
        for subcommand in Subcommand::ALL {
            let inner = matches!(
                subcommand,
                Subcommand::Run
                    | Subcommand::Ended
                    | Subcommand::Limit
                    | Subcommand::Collect
                    | Subcommand::Mail
                    | Subcommand::Turn
                    | Subcommand::Event
            );
            assert_eq!(ALL.contains(&format!("\n  {subcommand} ")), !inner, "{subcommand}");
        }
    }
}
