//! The probe, and needrestart, which would restart what runs it.

use conductor_core::error::{Problem, shown_path};
use conductor_core::runtime::PROBE;

use super::{Check, Diagnosis, Facts, Unseeable};

/// The version of this build.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// What keeps needrestart from restarting units of conductor, as `integrations/needrestart` has it.
const OVERRIDE: &str = "$nrconf{override_rc}{qr(^conductor-)} = 0;";

/// What is at the probe's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundProbe {
    /// Nothing.
    Missing,
    /// A probe of this version.
    Version(String),
    /// Something that users can change who may not change units.
    Unsafe(Problem),
    /// Something that does not tell its version, and why.
    Other(Unseeable),
}

/// Returns whether a version is older than another one: `1.2.3`, and nothing behind it counts. What has another form
/// is older than what has this one.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| {
        let version = version.split(['-', '+']).next().unwrap_or_default();
        let numbers = version.split('.').map(str::parse);
        numbers.collect::<Result<Vec<u64>, _>>().ok().filter(|numbers| numbers.len() == 3)
    };
    numbers(version) < numbers(than)
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    let same = format!(
        "install the conductor-probe of conductor {OWN} there: conductor install, or the package"
    );
    match &facts.probe {
        FoundProbe::Missing => diagnosis.error(
            Check::Probe,
            format!("there is no {PROBE}: no service with a health check, a hook or mail starts, and no command runs"),
            same,
        ),
        FoundProbe::Version(version) if is_older(version, OWN) => diagnosis.error(
            Check::Probe,
            format!("{PROBE} is version {version}, older than conductor {OWN}: it may not know what units tell it"),
            same,
        ),
        FoundProbe::Version(version) if is_older(OWN, version) => diagnosis.warning(
            Check::Probe,
            format!("{PROBE} is version {version}, newer than conductor {OWN}"),
            format!("install conductor {version}, too"),
        ),
        FoundProbe::Version(_) if facts.probe_is_static == Some(false) => diagnosis.warning(
            Check::Probe,
            format!("{PROBE} needs a C library: it does not run in images that have none, or another one"),
            same,
        ),
        FoundProbe::Version(_) => {}
        FoundProbe::Unsafe(Problem { file, message, hint, .. }) => diagnosis.error(
            Check::Probe,
            format!("{PROBE} runs as root, and {}: {message}", shown_path(file)),
            hint.clone().unwrap_or(same),
        ),
        FoundProbe::Other(Unseeable::Denied(reason)) => diagnosis.unseen(Check::Probe, reason),
        FoundProbe::Other(Unseeable::Broken(reason)) => {
            diagnosis.error(Check::Probe, format!("{PROBE} is no working probe: {reason}"), same);
        }
    }
    if let Some(texts) = &facts.needrestart
        && !texts.iter().any(|text| text.lines().any(is_override))
    {
        diagnosis.warning(
            Check::Needrestart,
            "needrestart restarts all instances at once when the probe or a library is replaced",
            format!("write {OVERRIDE} into /etc/needrestart/conf.d/conductor.conf"),
        );
    }
}

/// Returns whether a line of needrestart's configuration, which is Perl, leaves units of conductor alone.
fn is_override(line: &str) -> bool {
    let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    let is_for_them = line.starts_with("$nrconf{override_rc}{") && line.contains("^conductor-");
    is_for_them && line.ends_with("=0;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, than, older) in [
            ("0.1.0", "0.1.0", false),
            ("0.9.0", "0.10.0", true),
            ("1.0.0", "0.10.0", false),
            ("0.1.0+abc", "0.1.0", false),
            ("0.1", "0.1.0", true),
            ("", "0.1.0", true),
        ] {
            assert_eq!(is_older(version, than), older, "{version} {than}");
        }
    }

    #[test]
    fn what_is_shipped_is_an_override() {
        let shipped = include_str!("needrestart.conf");
        assert!(shipped.lines().any(|line| line == OVERRIDE), "{shipped}");
        assert!(is_override(OVERRIDE));
        for other in [
            "#$nrconf{override_rc}{qr(^conductor-)} = 0;",
            "$nrconf{override_rc}{qr(^conductor-)} = 1;",
            "$nrconf{override_rc}{qr(^docker)} = 0;",
        ] {
            assert!(!is_override(other), "{other}");
        }
    }
}
