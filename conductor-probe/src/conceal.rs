//! Hides values on the command line of a long-running process, which every user of the host can read
//! (`/proc/PID/cmdline`, `proc_pid_cmdline(5)`).
//!
//! The arguments are written to a file in memory, and this program executes itself with arguments without
//! the values.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use nix::unistd::{close, execv};
use probe_protocol::{Subcommand, option};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::itself::itself;

/// The first word of such a command line. The descriptor of the file follows, then the visible arguments.
pub(crate) const CONCEALED: &str = "with-arguments";

/// The options whose values are hidden, and the separator before the value.
const OPTIONS: [(&str, u8); 2] = [("--env", b'='), (option::HEADER, b':')];

/// The descriptors of the process.
const OPEN_FILES: &str = "/proc/self/fd";

/// Returns the real arguments for those of the command line. It may execute this program again, with the
/// same PID.
///
/// # Errors
/// The arguments are hidden, and cannot be read.
pub(crate) fn arguments(words: Vec<OsString>) -> io::Result<Vec<OsString>> {
    match words.get(1).and_then(|word| word.to_str()) {
        Some(CONCEALED) => {
            let number = words.get(2).and_then(|word| word.to_str()?.parse().ok());
            read(number.ok_or(io::ErrorKind::InvalidInput)?)
        }
        Some(name) if Subcommand::named(name).is_some_and(Subcommand::stays) => {
            let shown = shown(&words);
            if shown != words && Path::new(OPEN_FILES).exists() {
                // It continues anyway: a service that does not start would be worse.
                let Err(error) = execute(&words, &shown);
                crate::print::complain(format_args!(
                    "cannot hide the values on the command line: {error}"
                ));
            }
            Ok(words)
        }
        _ => Ok(words),
    }
}

/// Executes this program with hidden arguments and visible ones.
fn execute(words: &[OsString], shown: &[OsString]) -> io::Result<Infallible> {
    let file = memfd_create("arguments", MemfdFlags::empty())?;
    let mut file = File::from(file);
    for word in words {
        file.write_all(word.as_bytes())?;
        file.write_all(b"\0")?;
    }
    file.rewind()?;
    let number = file.as_raw_fd().to_string();
    let program = itself().map_err(io::Error::other)?;
    let (name, shown) = shown.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let words = [name.as_os_str(), OsStr::new(CONCEALED), OsStr::new(&number)];
    let words = words.into_iter().chain(shown.iter().map(OsString::as_os_str));
    let words = words.map(|word| CString::new(word.as_bytes())).collect::<Result<Vec<_>, _>>()?;
    let program = CString::new(program.into_os_string().into_vec())?;
    // The standard library would reset SIGPIPE to its default.
    Ok(execv(&program, &words)?)
}

/// Reads the arguments from the descriptor of a file.
fn read(number: RawFd) -> io::Result<Vec<OsString>> {
    let mut bytes = Vec::new();
    File::open(Path::new(OPEN_FILES).join(number.to_string()))?.read_to_end(&mut bytes)?;
    // No child inherits it.
    close(number)?;
    let bytes = bytes.strip_suffix(b"\0").ok_or(io::ErrorKind::InvalidData)?;
    let words = bytes.split(|byte| *byte == 0);
    Ok(words.map(|word| OsString::from_vec(word.to_vec())).collect())
}

/// Returns the visible form of arguments.
fn shown(words: &[OsString]) -> Vec<OsString> {
    let mut shown: Vec<OsString> = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| words[before].to_str());
        let bytes = word.as_bytes();
        let value = OPTIONS.iter().find_map(|(option, separator)| {
            let begins = match bytes.strip_prefix(option.as_bytes()) {
                Some([b'=', ..]) => option.len() + 1,
                _ if before == Some(option) => 0,
                _ => return None,
            };
            let name = bytes[begins..].iter().position(|byte| byte == separator)?;
            Some(begins + name + 1)
        });
        shown.push(match value {
            Some(value) => OsString::from_vec([&bytes[..value], b"***"].concat()),
            None => word.clone(),
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_shown() {
        let words = [
            "p",
            "exec",
            "--header=Authorization: a:b",
            "--header",
            "X: c",
            "--http=http://a/b=c",
            "--",
            "docker",
            "--env=A=b=c",
            "--env=B=",
            "--env",
            "C=d",
            "--env=E",
            "--env-file=/f",
            "a:v1",
        ];
        let shown = shown(&words.map(OsString::from));
        let expected = [
            "p",
            "exec",
            "--header=Authorization:***",
            "--header",
            "X:***",
            "--http=http://a/b=c",
            "--",
            "docker",
            "--env=A=***",
            "--env=B=***",
            "--env",
            "C=***",
            "--env=E",
            "--env-file=/f",
            "a:v1",
        ];
        assert_eq!(shown, expected);
    }
}
