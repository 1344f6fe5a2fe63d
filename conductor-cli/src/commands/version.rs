//! `conductor version`: the versions of conductor, and of what it works with.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// The version of this build.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit from which it was built, if it is known; see build.rs.
const COMMIT: Option<&str> = option_env!("CONDUCTOR_BUILT_COMMIT");

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  conductor version --verbose\n  conductor version --verbose --output json"
)]
pub(crate) struct VersionOptions {
    /// Add the versions of systemd and of the probe on this host
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// The versions of conductor, and of what it works with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Versions {
    /// The version of conductor.
    version: &'static str,
    /// The first digits of the commit from which it was built; null if that is not known.
    commit: Option<&'static str>,
    /// With `--verbose`: what is on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostVersions>,
}

/// The versions of what conductor works with on a host.
#[derive(Serialize, JsonSchema)]
struct HostVersions {
    /// The version of systemd; null if it does not answer.
    systemd: Option<String>,
    /// The version of the probe at the path that units use; null if there is none.
    probe: Option<String>,
}

/// The version and, if it is known, the commit.
pub(crate) const OWN: &str = env!("CONDUCTOR_VERSION");

pub(crate) fn run(context: &Context, options: &VersionOptions) -> Result<ExitCode, Failure> {
    let host = options.verbose.then(|| HostVersions {
        systemd: context.conductor.systemd_version(),
        probe: context.conductor.probe_version(),
    });
    let versions = Versions { version: VERSION, commit: COMMIT, host };
    match context.json() {
        true => Context::print_json(&versions)?,
        false => print::line(format_args!("{}", text(&versions)))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(versions: &Versions) -> String {
    let mut text = format!("conductor {OWN}");
    if let Some(HostVersions { systemd, probe }) = &versions.host {
        for (name, version) in [("systemd", systemd), ("conductor-probe", probe)] {
            let version = version.as_deref().unwrap_or("not found");
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{name} {version}");
        }
    }
    text
}

#[cfg(test)]
#[path = "../../build.rs"]
#[expect(dead_code, reason = "cargo runs the main function")]
mod build;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    const NAME: &str = "0123456789ABCDEF0123456789abcdef01234567";

    #[test]
    fn a_package_knows_its_commit() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |text: &str| fs::write(directory.path().join(".cargo_vcs_info.json"), text).unwrap();
        assert_eq!(build::packaged(directory.path()), None);
        write(&format!(
            "{{\n  \"git\": {{\n    \"sha1\": \"{NAME}\"\n  }},\n  \"path_in_vcs\": \"x\"\n}}"
        ));
        assert_eq!(build::packaged(directory.path()).as_deref(), Some("0123456789ab"));
        write("{\"git\": {\"sha1\": \"none\"}}");
        assert_eq!(build::packaged(directory.path()), None);
    }

    #[test]
    fn only_the_own_repository_has_the_commit() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("conductor-cli");
        let inside = root.path().join("vendor/conductor-cli");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&inside).unwrap();
        assert_eq!(build::checked_out(&own), None);
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"]).arg(root.path());
            let output = command.args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["init", "--quiet"]);
        assert_eq!(build::checked_out(&own), None);
        let commit = |message: &str| {
            git(&["commit", "--quiet", "--allow-empty", "--message", message]);
            git(&["rev-parse", "HEAD"])[..12].to_owned()
        };
        let first = commit("one");
        let (found, changes) = build::checked_out(&own).unwrap();
        assert_eq!(found, first);
        let before = fs::read(&changes).unwrap();
        let second = commit("two");
        assert_eq!(build::checked_out(&own).unwrap().0, second);
        // cargo looks at this file to build anew.
        assert_ne!(fs::read(&changes).unwrap(), before);
        assert_eq!(build::checked_out(&inside), None);
        assert_eq!(build::checked_out(Path::new("/")), None);
    }
}
