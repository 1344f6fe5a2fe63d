//! Checks a proxy's configuration, as it is or with a change.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::ProxyError;
use super::observe::LONGEST;
use crate::system::open::{self, Links, make_own_directory};
use conductor_core::error::PathContext as _;
use conductor_core::name::ProxyName;
use conductor_core::proxy::names;
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
/// The arguments name files, each with the number of its lines, which it reads from its input: the shell's `read`
/// takes no more than a line.
const SCRIPT: &str = r#"scratch=$1 directory=$2 files=$3
shift 3
mount -t tmpfs tmpfs "$scratch"
cp -a "$directory/." "$scratch"
while [ "$files" -gt 0 ]; do
    file=$1 lines=$2 files=$((files - 1))
    shift 2
    rm -f "$scratch/$file"
    [ "$lines" = remove ] && continue
    while [ "$lines" -gt 0 ]; do
        IFS= read -r line
        printf '%s\n' "$line"
        lines=$((lines - 1))
    done >"$scratch/$file"
    chmod 0644 "$scratch/$file"
done
mount --bind "$scratch" "$directory"
echo ready
exec "$@" </dev/null"#;
/// What the script prints right before the command.
const READY: &[u8] = b"ready\n";

/// The programs that print the configuration when they check it with `-T`.
const NGINX: [&str; 3] = ["nginx", "openresty", "angie"];

/// A file that no proxy accepts.
const INVALID: &str = "}}} conductor tries whether this file is read {{{\n";

/// A change to check.
pub(super) struct Candidate<'a> {
    /// The name of the file.
    pub(super) file: String,
    /// Its text; `None` to remove it.
    pub(super) text: Option<&'a str>,
    /// A line of the text that no other file has.
    pub(super) mark: String,
}

/// Checks the configuration as it is.
pub(super) fn as_it_is(proxy: &ProxyName, settings: &ProxySettings) -> Result<(), ProxyError> {
    let test: Vec<_> = settings.test.iter().map(Argument::as_str).collect();
    let output = run(proxy, &test, &[], None)?;
    if output.status.success() {
        return Ok(());
    }
    Err(ProxyError::Broken { proxy: proxy.clone(), said: said(&output), elsewhere: None })
}

/// Checks the configuration with changes, and returns it if the proxy prints it, as nginx does.
pub(super) fn with(
    proxy: &ProxyName,
    settings: &ProxySettings,
    runtime: &Path,
    candidates: &[Candidate<'_>],
) -> Result<Option<String>, ProxyError> {
    let directory = settings.directory.as_path();
    directory.read_dir().at("read", directory)?;
    let mut test: Vec<_> = settings.test.iter().map(Argument::as_str).collect();
    let written = || candidates.iter().filter(|candidate| candidate.text.is_some());
    let removal = written().next().is_none();
    let prints = !removal && print_configuration(&mut test);
    let output = with_changes(proxy, settings, runtime, &test, candidates)?;
    if !output.status.success() {
        let is_broken = matches!(as_it_is(proxy, settings), Err(ProxyError::Broken { .. }));
        let (proxy, said) = (proxy.clone(), said(&output));
        let elsewhere = elsewhere(directory, candidates);
        return Err(match is_broken {
            // The message about the candidate's file is the helpful one.
            true => ProxyError::Broken { proxy, said, elsewhere },
            false => ProxyError::Refused { proxy, said, removal, elsewhere },
        });
    }
    let is_read = |candidate: &Candidate<'_>| {
        let is_mark = |line: &[u8]| line == candidate.mark.as_bytes();
        output.stdout.split(|byte| *byte == b'\n').any(is_mark)
    };
    if prints && !written().all(is_read) {
        return Err(ProxyError::NotIncluded {
            proxy: proxy.clone(),
            directory: settings.directory.clone(),
            include: format!("include {}/*{};", settings.directory, settings.suffix),
        });
    }
    let is_new = |candidate: &Candidate<'_>| !directory.join(&candidate.file).exists();
    if !prints && written().any(is_new) {
        let invalid = candidates.iter().map(|Candidate { file, text, mark }| Candidate {
            file: file.clone(),
            text: text.map(|_| INVALID),
            mark: mark.clone(),
        });
        let invalid: Vec<_> = invalid.collect();
        if with_changes(proxy, settings, runtime, &test, &invalid)?.status.success() {
            let (proxy, directory) = (proxy.clone(), settings.directory.clone());
            return Err(ProxyError::NotTested { proxy, directory });
        }
    }
    Ok(prints.then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Runs the test with changes, and returns what it printed.
fn with_changes(
    proxy: &ProxyName,
    settings: &ProxySettings,
    runtime: &Path,
    test: &[&str],
    candidates: &[Candidate<'_>],
) -> Result<Output, ProxyError> {
    let scratch = runtime.join("proxy-check");
    make_own_directory(&scratch)?;
    let mut before: Vec<String> = CHANGED.map(str::to_owned).into();
    let scratch = scratch.display().to_string();
    let count = candidates.len().to_string();
    let directory = settings.directory.to_string();
    before.extend([SCRIPT.to_owned(), "sh".to_owned(), scratch, directory, count]);
    for Candidate { file, text, .. } in candidates {
        let lines =
            text.map_or_else(|| "remove".to_owned(), |text| text.lines().count().to_string());
        before.extend([file.clone(), lines]);
    }
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let input: String = candidates.iter().filter_map(|candidate| candidate.text).collect();
    let mut output = run(proxy, test, &before, Some(&input))?;
    let Some(printed) = output.stdout.strip_prefix(READY) else {
        return Err(ProxyError::NotChecked { proxy: proxy.clone(), said: said(&output) });
    };
    output.stdout = printed.to_owned();
    Ok(output)
}

/// Finds an upstream of the candidates that another file of the directory has, too: the message of a proxy may
/// name only the file that it reads last.
fn elsewhere(directory: &Path, candidates: &[Candidate<'_>]) -> Option<(String, PathBuf)> {
    let texts = candidates.iter().filter_map(|candidate| candidate.text);
    let own: BTreeSet<&str> = texts.flat_map(names).collect();
    let mut files: Vec<_> = directory.read_dir().ok()?.filter_map(Result::ok).collect();
    files.sort_by_key(DirEntry::file_name);
    files.into_iter().find_map(|file| {
        let is_own = |candidate: &Candidate<'_>| file.file_name() == candidate.file.as_str();
        if candidates.iter().any(is_own) {
            return None;
        }
        let bytes = open::read(&file.path(), Links::Followed, LONGEST).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let name = names(&text).find(|name| own.contains(name))?;
        Some((name.to_owned(), file.path()))
    })
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
