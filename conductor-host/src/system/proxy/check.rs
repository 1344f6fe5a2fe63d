//! Checks a proxy's configuration, as it is or with a change.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::error::ProxyError;
use crate::system::open::make_own_directory;
use conductor_core::error::PathContext as _;
use conductor_core::name::ProxyName;
use conductor_core::settings::ProxySettings;
use conductor_core::value::Argument;

/// The time limit of a check, and the time before SIGKILL after that.
const TIMEOUT: [&str; 3] = ["timeout", "--kill-after=5", "60"];
/// The exit status of `timeout` after the time limit.
const TIMED_OUT: i32 = 124;

/// Runs one command with a changed copy of the directory, on its own tmpfs, mounted over the directory in its
/// own mount namespace. No other process sees it, the proxy's messages show the real paths, and the kernel
/// removes it when the command ends.
const CHANGED: [&str; 6] = ["unshare", "--mount", "--propagation=private", "--", "sh", "-euc"];
const SCRIPT: &str = r#"scratch=$1 directory=$2 file=$3 change=$4
shift 4
mount -t tmpfs tmpfs "$scratch"
cp -a "$directory/." "$scratch"
rm -f "$scratch/$file"
if [ "$change" = write ]; then
    cat >"$scratch/$file"
    chmod 0644 "$scratch/$file"
fi
mount --bind "$scratch" "$directory"
echo ready
exec "$@" </dev/null"#;
/// What the script prints right before the command.
const READY: &[u8] = b"ready\n";

/// The programs that print the configuration when they check it with `-T`.
const NGINX: [&str; 3] = ["nginx", "openresty", "angie"];

/// A change to check.
pub(super) struct Candidate<'a> {
    /// The name of the file.
    pub(super) file: &'a str,
    /// Its text; `None` to remove it.
    pub(super) text: Option<&'a str>,
    /// A line of the text that no other file has.
    pub(super) mark: &'a str,
}

/// Checks the configuration as it is.
pub(super) fn as_it_is(proxy: &ProxyName, settings: &ProxySettings) -> Result<(), ProxyError> {
    let test: Vec<_> = settings.test.iter().map(Argument::as_str).collect();
    let output = run(proxy, &test, &[], None)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(ProxyError::Broken { proxy: proxy.clone(), said: said(&output) }),
    }
}

/// Checks the configuration with a change.
pub(super) fn with(
    proxy: &ProxyName,
    settings: &ProxySettings,
    runtime: &Path,
    candidate: &Candidate<'_>,
) -> Result<(), ProxyError> {
    let directory = settings.directory.as_path();
    directory.read_dir().at("read", directory)?;
    let scratch = runtime.join("proxy-check");
    make_own_directory(&scratch)?;
    let mut test: Vec<_> = settings.test.iter().map(Argument::as_str).collect();
    let prints = candidate.text.is_some() && print_configuration(&mut test);
    let mut before: Vec<&str> = CHANGED.into();
    let scratch = scratch.to_str().unwrap_or_default();
    let change = if candidate.text.is_some() { "write" } else { "remove" };
    before.extend([SCRIPT, "sh", scratch, settings.directory.as_str(), candidate.file, change]);
    let mut output = run(proxy, &test, &before, candidate.text)?;
    let not_checked = |said| ProxyError::NotChecked { proxy: proxy.clone(), said };
    let Some(printed) = output.stdout.strip_prefix(READY) else {
        return Err(not_checked(said(&output)));
    };
    output.stdout = printed.to_owned();
    if !output.status.success() {
        let (proxy, said) = (proxy.clone(), said(&output));
        return Err(match as_it_is(&proxy, settings) {
            // The message about the candidate's file is the helpful one.
            Err(ProxyError::Broken { .. }) => ProxyError::Broken { proxy, said },
            _ => ProxyError::Refused { proxy, said, removal: candidate.text.is_none() },
        });
    }
    let is_mark = |line: &[u8]| line == candidate.mark.as_bytes();
    if prints && !output.stdout.split(|byte| *byte == b'\n').any(is_mark) {
        return Err(ProxyError::NotIncluded {
            proxy: proxy.clone(),
            directory: settings.directory.clone(),
            include: format!("include {}/*{};", settings.directory, settings.suffix),
        });
    }
    Ok(())
}

/// Makes nginx print the configuration that it checks, so that one run shows whether it is valid and whether
/// it includes the candidate.
fn print_configuration(test: &mut [&str]) -> bool {
    let program = test.first().and_then(|program| program.rsplit('/').next());
    if !program.is_some_and(|program| NGINX.contains(&program)) {
        return false;
    }
    match test.iter_mut().find(|argument| **argument == "-t") {
        Some(argument) => {
            *argument = "-T";
            true
        }
        None => false,
    }
}

/// Runs a check with a command in front of it, and writes a text to its standard input.
fn run(
    proxy: &ProxyName,
    test: &[&str],
    before: &[&str],
    input: Option<&str>,
) -> Result<Output, ProxyError> {
    let program = test.first().copied().unwrap_or_default();
    if !Path::new(program).is_file() {
        let program = program.to_owned();
        return Err(ProxyError::NoProgram { proxy: proxy.clone(), program });
    }
    let not_checked = |said| ProxyError::NotChecked { proxy: proxy.clone(), said };
    let mut command = Command::new(TIMEOUT[0]);
    command.args(&TIMEOUT[1..]).args(before).args(test);
    let output = output(&mut command, input).map_err(|error| not_checked(error.to_string()))?;
    match output.status.code() {
        Some(TIMED_OUT) => Err(not_checked(format!("{program} takes longer than a minute"))),
        _ => Ok(output),
    }
}

fn output(command: &mut Command, input: Option<&str>) -> io::Result<Output> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // The script reads all of it before it writes anything. If the script failed, it has written why.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

/// Returns the last lines of a command's output, for a message.
fn said(output: &Output) -> String {
    const MOST_LINES: usize = 20;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let text = if stderr.trim().is_empty() { stdout.trim() } else { stderr.trim() };
    if text.is_empty() {
        return output.status.to_string();
    }
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].join("\n")
}
