//! `mail`: mails the output of a job through the host's sendmail, as Debian's cron does.
//!
//! It runs as root after the job, whose output and environment may be an attacker's. So the headers have nothing of
//! them, and no program gets that environment.

mod encoding;

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use probe_protocol::Mail;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{MemfdFlags, OFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, getuid, pidfd_open};

use crate::check::socket::wait_until;
use crate::print::{clean, complain};

/// How much of the output is mailed.
pub(crate) const MOST_OUTPUT: usize = 1 << 20;

/// How much of what sendmail says is passed on.
const MOST_SAID: u64 = 4096;

const SENDMAIL: &str = "/usr/sbin/sendmail";

/// Runs sendmail in a unit of its own, without the limits of the job. Some deliver the mail in the background, and
/// systemd would kill them when the job's unit ends.
const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";
const UNIT: [&str; 8] = [
    "--quiet",
    "--collect",
    "--pipe",
    "--wait",
    "--service-type=exec",
    "--property=KillMode=process",
    "--property=RuntimeMaxSec=10min",
    "--property=SyslogIdentifier=sendmail",
];

/// As Debian's cron: lines with a single dot do not end the mail, it may have bytes above 127, and errors are mailed
/// to the sender.
const OPTIONS: [&str; 4] = ["-i", "-FCronDaemon", "-B8BITMIME", "-oem"];

/// The variables of the job that cron's mails show in the same way.
const SHOWN: [&str; 5] = ["SHELL", "HOME", "PATH", "LOGNAME", "MAILTO"];

/// The variables with which systemd-run finds a user's manager.
const OF_MANAGER: [&str; 2] = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// Why nothing is mailed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MailError {
    #[error("cannot read the output of the job")]
    Output(#[source] io::Error),
    #[error("cannot start {SENDMAIL}")]
    Start(#[source] io::Error),
    #[error("cannot mail the output: {SENDMAIL} ended with {0}")]
    Failed(std::process::ExitStatus),
    #[error("{SENDMAIL} did not end in time")]
    Late,
}

/// Mails the output of a job, if there is some or the job failed.
pub(crate) fn run(mail: &Mail) -> Result<(), MailError> {
    let output = read(&mail.output).map_err(MailError::Output)?;
    let failure = failure();
    if output.is_empty() && failure.is_none() {
        return Ok(());
    }
    if !Path::new(SENDMAIL).exists() {
        complain(format_args!(
            "there is no {SENDMAIL}: nothing is mailed to {}",
            mail.to.join(", ")
        ));
        return Ok(());
    }
    let message = message(mail, &output, failure.as_deref());
    send(mail, &message)
}

/// Returns the output; nothing if the command was not started.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    // The user of the job owns the directory. A FIFO does not block.
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(io::Error::other("it is not a regular file of its own"));
    }
    let mut output = Vec::new();
    let most = u64::try_from(MOST_OUTPUT + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut output)?;
    Ok(output)
}

/// Returns how the job failed, from the variables that systemd sets (systemd.exec(5)); `None` if it did not.
fn failure() -> Option<String> {
    let value = |name| env::var(name).ok();
    let result = value("SERVICE_RESULT").filter(|result| result != "success")?;
    let status = value("EXIT_STATUS").filter(|status| !status.is_empty());
    Some(match (value("EXIT_CODE").as_deref(), status) {
        (Some("exited"), Some(status)) => format!("{result}, exit status {status}"),
        (_, Some(signal)) => format!("{result}, SIG{signal}"),
        (_, None) => result,
    })
}

/// Returns the mail.
fn message(mail: &Mail, output: &[u8], failure: Option<&str>) -> Vec<u8> {
    let own = || env::var("USER").ok().filter(|_| !getuid().is_root());
    let user = mail.user.clone().or_else(own).unwrap_or_else(|| "root".to_owned());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim_end().split('.').next().unwrap_or_default();
    let mut head = String::new();
    let mut header = |name: &str, value: &str| {
        let from = head.len();
        // Writing to a String cannot fail.
        let _ = write!(head, "{name}: {value}");
        clean(&mut head, from);
        head.push('\n');
    };
    header("From", "root (Cron Daemon)");
    header("To", &mail.to.join(", "));
    header("Subject", &format!("Cron <{user}@{host}> {}", mail.line));
    header("MIME-Version", "1.0");
    header("Content-Type", "text/plain; charset=UTF-8");
    let (encoding, body) = encoding::encode(body(mail, output, failure));
    header("Content-Transfer-Encoding", encoding);
    header("Auto-Submitted", "auto-generated");
    for name in SHOWN {
        if let Ok(value) = env::var(name) {
            header("X-Cron-Env", &format!("<{name}={value}>"));
        }
    }
    head.push('\n');
    [head.into_bytes(), body].concat()
}

/// Returns the text of the mail: the output, and what is to be said about it.
fn body(mail: &Mail, output: &[u8], failure: Option<&str>) -> Vec<u8> {
    let kept = &output[..output.len().min(MOST_OUTPUT)];
    let mut body = kept.to_vec();
    let mut add = |text: &str| {
        if body.last().is_some_and(|byte| *byte != b'\n') {
            body.push(b'\n');
        }
        body.extend_from_slice(text.as_bytes());
        body.push(b'\n');
    };
    if output.len() > kept.len() {
        add("conductor: the rest of the output is only in the journal");
    }
    if let Some(failure) = failure {
        add(&format!("conductor: {} failed: {failure}", mail.name));
    }
    body
}

/// Hands a mail to sendmail.
fn send(mail: &Mail, message: &[u8]) -> Result<(), MailError> {
    let mut command = Command::new(SYSTEMD_RUN);
    command.env_clear();
    if mail.user_manager {
        command.arg("--user");
        for name in OF_MANAGER {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
    }
    command.args(UNIT).arg(format!("--description=Mail of {}", mail.name));
    command.args(["--", SENDMAIL]).args(OPTIONS).args(&mail.to);
    let deadline = Instant::now().checked_add(mail.timeout);
    let input_and_output = || {
        let mut input = memory("mail")?;
        input.write_all(message)?;
        input.rewind()?;
        Ok((input, memory("said")?))
    };
    let (input, mut said) = input_and_output().map_err(MailError::Start)?;
    let start = || {
        command.stdin(Stdio::from(input));
        command.stdout(said.try_clone()?).stderr(said.try_clone()?).spawn()
    };
    let mut child = start().map_err(MailError::Start)?;
    let wait = || {
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        io::Result::Ok(wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)?)
    };
    if !wait().map_err(MailError::Start)? {
        // sendmail itself goes on.
        let _ = child.kill();
        return Err(MailError::Late);
    }
    let status = child.wait().map_err(MailError::Start)?;
    // The journal would not know that this belongs to the job.
    let mut text = Vec::new();
    let read = said.rewind().and_then(|()| said.take(MOST_SAID).read_to_end(&mut text));
    if read.is_ok() {
        for line in String::from_utf8_lossy(&text).lines() {
            complain(format_args!("sendmail: {line}"));
        }
    }
    if status.success() { Ok(()) } else { Err(MailError::Failed(status)) }
}

/// Returns a new file in memory.
fn memory(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}
