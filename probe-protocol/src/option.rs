//! The names of the options of `conductor-probe`.

use crate::request::Subcommand;

/// Requests a URL.
pub const HTTP: &str = "--http";
/// Connects to an address.
pub const TCP: &str = "--tcp";
/// Connects to a socket.
pub const UNIX: &str = "--unix";
/// Runs a command; the option is given once for each word.
pub const COMMAND: &str = "--command";
/// The method of a request.
pub const METHOD: &str = "--method";
/// A header of a request; it can be given several times.
pub const HEADER: &str = "--header";
/// The status codes that are healthy.
pub const STATUS: &str = "--status";
/// A text that an answer has to contain.
pub const CONTAINS: &str = "--contains";
/// Follows redirects, and judges the last answer.
pub const FOLLOW_REDIRECTS: &str = "--follow-redirects";
/// The time between two checks.
pub const INTERVAL: &str = "--interval";
/// The longest time of a check, of a limited command, or of a mail.
pub const TIMEOUT: &str = "--timeout";
/// The number of failures in a row that is unhealthy.
pub const RETRIES: &str = "--retries";
/// The time after a start in which failures do not count.
pub const START_PERIOD: &str = "--start-period";
/// The number of successes in a row that is ready.
pub const SUCCESS_THRESHOLD: &str = "--success-threshold";
/// Lets every user connect to a socket.
pub const SHARE_SOCKET: &str = "--share-socket";
/// The signal that stops the unit.
pub const STOP_SIGNAL: &str = "--stop-signal";
/// The file with a PID.
pub const PID_FILE: &str = "--pid-file";
/// The name of a container to create, or of a job.
pub const NAME: &str = "--name";
/// The client of the engine.
pub const ENGINE: &str = "--engine";
/// The socket of the engine, or that of the process that waits for a run.
pub const SOCKET: &str = "--socket";
/// The socket of the engine, if `--socket` is another one.
pub const ENGINE_SOCKET: &str = "--engine-socket";
/// The name of an existing container.
pub const CONTAINER: &str = "--container";
/// How long a command may take to stop.
pub const STOP_TIMEOUT: &str = "--stop-timeout";
/// The file of a unit.
pub const UNIT_FILE: &str = "--unit-file";
/// Sets the owner of a directory to that of another.
pub const OWNER_OF: &str = "--owner-of";
/// Lets every user create files in a directory.
pub const OPEN: &str = "--open";
/// Removes a directory.
pub const REMOVE: &str = "--remove";
/// The file with the output of a job.
pub const OUTPUT: &str = "--output";
/// Passes on the output of what a command leaves behind.
pub const KEEP: &str = "--keep";
/// An address for a mail; it can be given several times.
pub const TO: &str = "--to";
/// The command line of a job, as text.
pub const LINE: &str = "--line";
/// The name of a user.
pub const USER: &str = "--user";
/// The unit is one of a user's manager.
pub const USER_MANAGER: &str = "--user-manager";
/// The directory with the places of jobs.
pub const DIRECTORY: &str = "--directory";
/// How many jobs may run on the host at the same time.
pub const HOST_LIMIT: &str = "--host-limit";
/// A job, and how many of its service may run at the same time.
pub const JOB: &str = "--job";
/// What has happened to a unit.
pub const MOMENT: &str = "--moment";

/// The options for the timing of checks.
pub(crate) const TIMES: [&str; 5] = [INTERVAL, TIMEOUT, RETRIES, START_PERIOD, SUCCESS_THRESHOLD];

/// The options for an HTTP request, except `--unix`.
pub(crate) const REQUEST: [&str; 5] = [METHOD, HEADER, STATUS, CONTAINS, FOLLOW_REDIRECTS];

/// Returns the options of a command.
pub fn of(subcommand: Subcommand) -> Vec<&'static str> {
    let check = || {
        let mut options = vec![HTTP, TCP, UNIX, COMMAND];
        options.extend(REQUEST);
        options.extend(TIMES);
        options
    };
    let mut options = match subcommand {
        Subcommand::Exec | Subcommand::Docker | Subcommand::Check => check(),
        _ => Vec::new(),
    };
    options.extend_from_slice(match subcommand {
        Subcommand::Exec => &[SHARE_SOCKET, STOP_SIGNAL, PID_FILE],
        Subcommand::Docker => &[SHARE_SOCKET, NAME, ENGINE, SOCKET],
        Subcommand::Check | Subcommand::Stop => &[],
        Subcommand::Socket => &[OWNER_OF, OPEN, REMOVE],
        Subcommand::Run => &[SOCKET, STOP_TIMEOUT, CONTAINER, ENGINE_SOCKET, PID_FILE],
        Subcommand::Ended => &[SOCKET, UNIT_FILE, CONTAINER, ENGINE_SOCKET],
        Subcommand::Limit => &[TIMEOUT],
        Subcommand::Collect => &[OUTPUT, KEEP],
        Subcommand::Mail => &[OUTPUT, TO, NAME, LINE, USER, TIMEOUT, USER_MANAGER],
        Subcommand::Turn => &[DIRECTORY, HOST_LIMIT, JOB],
        Subcommand::Event => &[MOMENT, UNIT_FILE],
    });
    options
}

/// Returns whether an option has no value.
pub(crate) fn is_flag(option: &str) -> bool {
    [FOLLOW_REDIRECTS, OPEN, REMOVE, USER_MANAGER, KEEP].contains(&option)
}

/// Returns whether an option can be given several times.
pub(crate) fn is_list(option: &str) -> bool {
    [HEADER, COMMAND, TO].contains(&option)
}
