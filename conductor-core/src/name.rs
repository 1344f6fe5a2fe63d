//! Checked names, which become part of unit names and paths.

use sha2::{Digest as _, Sha256};

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};
use crate::unit::hex;
use crate::value::{HostPath, UserName};

/// The prefix of every unit of conductor, which no unit of the host has.
pub const PREFIX: &str = "conductor-";

/// The longest id of a service; leaves room for revision and digest in a unit name.
const LONGEST_ID: usize = 64;
/// Ids and names of jobs. A dash becomes four characters in the name of a slice; because there are no two
/// dashes in a row, that name stays short enough for systemd.
const LABEL: &str = "^(?=.{1,64}$)[a-z0-9][a-z0-9_]*(-[a-z0-9_]+)*$";
/// The longest revision: a tag has at most 128 characters in the OCI distribution specification.
const LONGEST_REVISION: usize = 128;

text_type!(
    /// The id of a service: lower-case letters, digits, `_` and single `-`, at most 64 characters.
    ServiceId,
    check_id,
    LABEL,
    numbers: Numbers::Refused,
    "The name of the service, unique on a host: lower-case letters, digits, _ and -."
);

text_type!(
    /// The version of a service: an image tag, or a digest such as `sha256:…`.
    Revision,
    check_revision,
    "^([A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64})$",
    numbers: Numbers::AtLeast(0.0),
    "The version to run: an image tag, or a digest (sha256:...)."
);

text_type!(
    /// The name of a cron job within its service; same characters as a [`ServiceId`].
    JobName,
    check_job,
    LABEL,
    numbers: Numbers::Refused,
    "The name of a job: lower-case letters, digits, _ and -."
);

text_type!(
    /// The name of a process within its application; same characters as a [`ServiceId`].
    ProcessName,
    check_process,
    LABEL,
    numbers: Numbers::Refused,
    "The name of a process: lower-case letters, digits, _ and -."
);

impl ServiceId {
    /// Returns the id of the service that a process of an application is.
    ///
    /// # Errors
    /// It is too long.
    pub fn of_process(application: &Self, process: &ProcessName) -> Result<Self, Invalid> {
        format!("{application}-{process}").parse()
    }
}

text_type!(
    /// The name of a proxy in the settings of a host; same characters as a [`ServiceId`].
    ProxyName,
    check_proxy,
    LABEL,
    numbers: Numbers::Refused,
    "The name of a proxy: lower-case letters, digits, _ and -."
);

text_type!(
    /// The name of a named volume within its service; same characters as a [`ServiceId`].
    VolumeName,
    check_volume,
    LABEL,
    numbers: Numbers::Refused,
    "The name of a volume: lower-case letters, digits, _ and -."
);

text_type!(
    /// The name of a network of a container engine.
    NetworkName,
    check_network,
    "^(?!(bridge|container|default|host|none|ns|pasta|podman|private|slirp4netns)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$",
    numbers: Numbers::Refused,
    "The name of a network of docker or podman: letters, digits, _, . and -."
);

text_type!(
    /// A name by which the containers of a network find another one.
    NetworkAlias,
    check_alias,
    "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$",
    numbers: Numbers::Refused,
    "A host name: letters, digits, _, . and -."
);

text_type!(
    /// The name of the container of a service's only instance, which is not one of conductor's own names.
    ContainerName,
    check_container,
    "^(?!conductor-)[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$",
    numbers: Numbers::Refused,
    "The name of a container: letters, digits, _, . and -; not beginning with conductor-."
);

text_type!(
    /// The name of a pod of podman.
    PodName,
    check_pod,
    "^[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$",
    numbers: Numbers::Refused,
    "The name of a pod of podman: letters, digits, _, . and -."
);

text_type!(
    /// The name of a systemd unit, with its type suffix (systemd.unit(5)).
    UnitName,
    check_unit_name,
    "^[A-Za-z0-9:_.@\\\\-]+\\.(service|timer|target|slice|socket|path)$",
    numbers: Numbers::Refused,
    "The name of a systemd unit."
);

text_type!(
    /// The name of a release within its service, as in its units' names: `REVISION.DIGEST`, both shortened.
    ReleaseName,
    check_release_name,
    "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\\.[0-9a-f]{6}$",
    numbers: Numbers::Refused,
    "A release: its revision, a dot, and the first six digits of its digest."
);

impl ReleaseName {
    /// How many digits of the digest it has.
    const DIGITS: usize = 6;

    /// Returns the name of a release; `digest` is in hexadecimal.
    pub fn new(revision: &Revision, digest: &str) -> Self {
        Self(format!("{}.{}", revision.short(), Self::digits(digest)))
    }

    /// Returns the digits of a digest that are used in names.
    pub(crate) fn digits(digest: &str) -> &str {
        digest.get(..Self::DIGITS).unwrap_or(digest)
    }
}

/// Returns whether the unit of a job of this name could be `conductor-ID-boot.service`, which older versions wrote,
/// also if the name begins with the rest of another service's id.
pub(crate) fn is_reserved(job: &str) -> bool {
    job == "boot" || job.ends_with("-boot")
}

impl ProxyName {
    /// Returns the name of the proxy that every host has settings for.
    pub fn nginx() -> Self {
        Self("nginx".to_owned())
    }
}

impl Revision {
    /// Returns the form that is used in unit names. Of a digest it is the first twelve digits: a colon in the
    /// name of a unit file has another meaning for some tools.
    pub fn short(&self) -> &str {
        const SHORT: usize = 12;
        self.0.strip_prefix("sha256:").map_or(&self.0, |digits| &digits[..SHORT])
    }

    /// Returns whether this is a content digest rather than a tag.
    pub fn is_digest(&self) -> bool {
        self.0.starts_with("sha256:")
    }
}

impl UnitName {
    /// Creates a name from checked parts, which cannot make it invalid.
    pub(crate) fn from_checked(name: String) -> Self {
        debug_assert!(check_unit_name(&name).is_ok(), "{name}");
        Self(name)
    }

    /// Returns the name of its file: a unit `name@instance.kind` has that of its template, `name@.kind`.
    #[must_use]
    pub fn file(&self) -> Self {
        match (self.0.split_once('@'), self.0.rsplit_once('.')) {
            (Some((name, _)), Some((_, kind))) => Self(format!("{name}@.{kind}")),
            _ => self.clone(),
        }
    }

    /// Returns the unit that a timer of this name starts (systemd.timer(5), `Unit=`).
    #[must_use]
    pub fn triggered(&self) -> Self {
        self.0
            .strip_suffix(".timer")
            .map_or_else(|| self.clone(), |name| Self(format!("{name}.service")))
    }

    /// Returns the type suffix without its dot, such as `service`.
    pub fn kind(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, kind)| kind)
    }
}

/// Returns the name of the unit that runs a job of a service.
pub fn job_unit(service: &ServiceId, job: &JobName) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{service}-{job}.service"))
}

/// Returns the name of the timer of a job of a service.
pub fn timer_unit(service: &ServiceId, job: &JobName) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{service}-{job}.timer"))
}

/// Returns the name that an engine has for a volume of a service. Neither an id nor a name has a dot.
pub fn engine_volume(service: &ServiceId, volume: &VolumeName) -> String {
    format!("{PREFIX}{service}.{volume}")
}

/// Returns the name in the definition of a volume of a service, from the name that an engine has for it. The reverse of
/// [`engine_volume`].
pub fn volume_of<'n>(service: &ServiceId, engine_volume: &'n str) -> Option<&'n str> {
    engine_volume.strip_prefix(PREFIX)?.strip_prefix(service.as_str())?.strip_prefix('.')
}

text_type!(
    /// The name that an engine has for a volume that is not conductor's.
    EngineVolume,
    check_engine_volume,
    "^(?!conductor-)[A-Za-z0-9][A-Za-z0-9_.-]{1,254}$",
    numbers: Numbers::Refused,
    "The name of a volume of docker or podman: letters, digits, _, . and -."
);

/// Words that stand for something else in `--network` of docker or podman. The default networks, `bridge` and `podman`,
/// have no names for containers.
const NETWORK_MODES: [&str; 10] = [
    "bridge",
    "container",
    "default",
    "host",
    "none",
    "ns",
    "pasta",
    "podman",
    "private",
    "slirp4netns",
];

/// Returns the name of the volume of an instance for a path at which its image keeps data: the number of the
/// instance, the path as far as it fits, and digits of the path's hash.
pub(crate) fn image_volume(instance: u16, path: &HostPath) -> VolumeName {
    const ROOM: usize = 40;
    const DIGITS: usize = 6;
    let mut readable = slug(path.as_str());
    readable.truncate(ROOM);
    let digits = hex(&Sha256::digest(path.as_str()));
    let (readable, digits) = (readable.trim_end_matches('-'), &digits[..DIGITS]);
    let dash = if readable.is_empty() { "" } else { "-" };
    VolumeName(format!("{instance}-{readable}{dash}{digits}"))
}

/// The directory of native services' volumes, below that for state (`/var/lib`): each is `ID/NAME` in it.
pub const VOLUMES: &str = "conductor/volumes";

/// What the names of the units begin with that start a pod.
pub(crate) const POD_UNIT: &str = "pod@";

/// Returns the unit that starts a pod, and with which its containers start again.
pub fn pod_unit(pod: &PodName) -> UnitName {
    UnitName(format!("{PREFIX}{POD_UNIT}{pod}.service"))
}

/// Returns the name of the container that holds the namespaces of a pod; `%i` for the unit of any pod.
pub fn pod_container(pod: &str) -> String {
    format!("{pod}-infra")
}

/// Returns the file, below the runtime directory of systemd, with the PID of what watches that container.
pub fn pod_file(pod: &str) -> String {
    format!("{PREFIX}pod-{pod}.pid")
}

/// Returns the name of the dynamic user as which all units of a native service run: `conductor-ID`.
///
/// A name that systemd accepts has at most 31 characters. A longer id is cut, and followed by two dashes, which
/// no id has, and by digits of its hash.
pub(crate) fn dynamic_user(service: &ServiceId) -> UserName {
    const LONGEST: usize = 31;
    const DIGITS: usize = 8;
    let id = service.as_str();
    let room = LONGEST - PREFIX.len();
    let name = if id.len() <= room {
        format!("{PREFIX}{id}")
    } else {
        let digits = hex(&Sha256::digest(id));
        format!("{PREFIX}{}--{}", &id[..room - DIGITS - 2], &digits[..DIGITS])
    };
    name.parse().expect("a prefix, letters, digits, _ and - are the name of a user")
}

fn check_id(text: &str) -> Result<(), Invalid> {
    check_label(text, "an id", LONGEST_ID)
}

fn check_process(text: &str) -> Result<(), Invalid> {
    check_label(text, "the name of a process", LONGEST_ID)
}

fn check_job(text: &str) -> Result<(), Invalid> {
    check_label(text, "a job's name", LONGEST_ID)
}

fn check_volume(text: &str) -> Result<(), Invalid> {
    check_label(text, "the name of a volume", LONGEST_ID)
}

fn check_network(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 128;
    if NETWORK_MODES.contains(&text) {
        let invalid = Invalid::new(format!("{text} is not a network in which names are known"));
        return Err(match text {
            "host" | "none" => invalid.hint(format!("write network_mode: {text}")),
            _ => invalid.hint("write a name of your own, for example backend"),
        });
    }
    match is_host_name(text, LONGEST) && !text.starts_with('_') {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a network", shown(text))).hint(
            "use letters, digits, _, . and -, beginning with a letter or a digit: for example backend",
        )),
    }
}

fn check_engine_volume(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 255;
    // Volumes of other services would be removed together with those.
    if text.starts_with(PREFIX) {
        let invalid = Invalid::new(format!("{} may be a volume of another service", shown(text)));
        return Err(invalid.hint("write a name that does not begin with conductor-"));
    }
    // docker takes no name of one character.
    match text.len() > 1 && is_host_name(text, LONGEST) && !text.starts_with('_') {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a volume of an engine", shown(text)))
            .hint("docker volume ls, or podman volume ls, lists them: for example shop_data")),
    }
}

fn check_pod(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 128;
    match text.len() > 1 && is_host_name(text, LONGEST) && !text.starts_with('_') {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a pod", shown(text))).hint(
            "use at least two letters, digits, _, . and -, beginning with a letter or a digit: for example shop",
        )),
    }
}

fn check_container(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 128;
    if text.starts_with(PREFIX) {
        let message = format!("{} may be the name of another container of conductor", shown(text));
        return Err(Invalid::new(message).hint("write a name that does not begin with conductor-"));
    }
    // docker takes no name of one character.
    match text.len() > 1 && is_host_name(text, LONGEST) && !text.starts_with('_') {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a container", shown(text))).hint(
            "use at least two letters, digits, _, . and -, beginning with a letter or a digit: for example shop-db",
        )),
    }
}

fn check_alias(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 253;
    match is_host_name(text, LONGEST) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a host name", shown(text)))
            .hint("use letters, digits, _, . and -: for example db")),
    }
}

fn is_host_name(text: &str, longest: usize) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !text.is_empty()
        && text.len() <= longest
        && !text.starts_with(['.', '-'])
        && text.chars().all(allowed)
}

fn check_proxy(text: &str) -> Result<(), Invalid> {
    check_label(text, "a proxy's name", LONGEST_ID)
}

fn check_label(text: &str, what: &str, longest: usize) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let plain = !text.is_empty()
        && !text.starts_with(['-', '_'])
        && !text.ends_with('-')
        && !text.contains("--")
        && text.chars().all(allowed);
    if !plain {
        let error = Invalid::new(format!("{} is not {what}", shown(text)));
        let suggestion = slug(text);
        return Err(match suggestion.is_empty() {
            true => error.hint("use lower-case letters, digits, _ and -, beginning with a letter"),
            false => error.hint(format!(
                "use lower-case letters, digits, _ and single -: for example {suggestion}"
            )),
        });
    }
    if text.len() > longest {
        return Err(Invalid::new(format!(
            "{} has {} characters; {what} has at most {longest}",
            shown(text),
            text.len()
        )));
    }
    Ok(())
}

/// Returns the valid label that is nearest to a text.
pub fn slug(text: &str) -> String {
    let replaced: String = text
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '_' => c,
            _ => '-',
        })
        .skip_while(|c| "_-".contains(*c))
        .take(LONGEST_ID)
        .collect();
    replaced.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn check_revision(text: &str) -> Result<(), Invalid> {
    if let Some(digits) = text.strip_prefix("sha256:") {
        return match digits.len() == 64 && digits.bytes().all(is_lower_hex) {
            true => Ok(()),
            false => Err(Invalid::new(format!("{} is not a digest", shown(text)))
                .hint("a digest is sha256: and 64 hexadecimal digits in lower case")),
        };
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty()
        || text.len() > LONGEST_REVISION
        || text.starts_with(['.', '-'])
        || !text.chars().all(allowed)
    {
        return Err(Invalid::new(format!("{} is not a revision", shown(text))).hint(
            "a revision is an image tag (letters, digits, '.', '_' and '-', at most 128) or \
             sha256:DIGEST",
        ));
    }
    Ok(())
}

fn check_release_name(text: &str) -> Result<(), Invalid> {
    let good = text.rsplit_once('.').is_some_and(|(revision, digits)| {
        check_revision(revision).is_ok()
            && digits.len() == ReleaseName::DIGITS
            && digits.bytes().all(is_lower_hex)
    });
    match good {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a release", shown(text)))
            .hint("a release is REVISION.DIGEST, with six digits of the digest")),
    }
}

pub(crate) fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn check_unit_name(text: &str) -> Result<(), Invalid> {
    const KINDS: [&str; 6] = ["service", "timer", "target", "slice", "socket", "path"];
    const LONGEST: usize = 255;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_.@\\-".contains(c);
    let known =
        text.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && KINDS.contains(&kind));
    if !known || text.len() > LONGEST || !text.chars().all(allowed) {
        return Err(Invalid::new(format!("{} is not the name of a unit", shown(text)))
            .hint("for example notify.service"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_of_a_template_has_its_file() {
        for (unit, file) in [
            ("conductor-start@web-a.service", "conductor-start@.service"),
            ("conductor-start@.timer", "conductor-start@.timer"),
            ("conductor-web-v1.2.abcdef-1.service", "conductor-web-v1.2.abcdef-1.service"),
        ] {
            assert_eq!(unit.parse::<UnitName>().unwrap().file().as_str(), file);
        }
    }

    #[test]
    fn ids_that_could_leave_the_unit_directory_or_split_a_line_are_refused() {
        for bad in [
            "",
            "../../etc/passwd",
            "a b",
            "Web",
            "a\nb",
            "a\0",
            "a%b",
            "-a",
            "_a",
            "a-",
            "a--b",
            &"a".repeat(65),
            &"a".repeat(300),
        ] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad:?}");
        }
        for good in ["web", "gocardless_app_production", "a-b", "0", &"a".repeat(64)] {
            assert!(good.parse::<ServiceId>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn the_hint_offers_an_id_that_is_accepted() {
        let error = "My App".parse::<ServiceId>().unwrap_err();
        assert_eq!(error.message, "\"My App\" is not an id");
        assert!(error.hint.unwrap().ends_with("for example my-app"));
        for bad in ["_x", "-_-x", "Ä b", "a--b-", "..", &"A-".repeat(100), &"ä".repeat(70)] {
            let slug = slug(bad);
            assert!(slug.is_empty() || slug.parse::<ServiceId>().is_ok(), "{bad:?}: {slug:?}");
        }
    }

    #[test]
    fn the_longest_id_still_makes_unit_names() {
        let longest: ServiceId = "a-".repeat(32).trim_end_matches('-').parse().unwrap();
        let slice = crate::release::slice_unit(&longest);
        assert!(slice.as_str().parse::<UnitName>().is_ok(), "{slice}");
    }

    #[test]
    fn every_service_has_a_user_of_its_own() {
        let user = |id: &str| dynamic_user(&id.parse().unwrap()).to_string();
        assert_eq!(user("web"), "conductor-web");
        assert_eq!(user("9_to-5"), "conductor-9_to-5");
        let fits = "a".repeat(21);
        assert_eq!(user(&fits), format!("conductor-{fits}"));
        assert_eq!(user(&"a".repeat(22)), "conductor-aaaaaaaaaaa--ec7c494d");
        // Their beginnings are the same, and one is cut at a dash.
        let ids = ["a".repeat(22), "a".repeat(64), format!("{}-b", "a".repeat(20)), fits];
        let ids = ids.into_iter().chain((0..500).map(|n| format!("gocardless_app-{n}_production")));
        let names: Vec<_> = ids.map(|id| user(&id)).collect();
        assert!(names.iter().all(|name| name.len() <= 31), "{names:?}");
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn every_path_has_a_volume_of_its_own() {
        let name = |path: &str| image_volume(3, &path.parse().unwrap());
        assert_eq!(name("/var/lib/postgresql/data").as_str(), "3-var-lib-postgresql-data-dc8f97");
        let paths = ["/a/b", "/a-b", "/Ä", "/_", "/a", &format!("/{}", "x-".repeat(60))];
        let names: std::collections::BTreeSet<_> = paths.map(name).into();
        assert_eq!(names.len(), 6);
        for name in names {
            assert!(name.as_str().parse::<VolumeName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_network_has_a_name_that_is_one_word_for_an_engine() {
        for good in ["backend", "Shop_default", "a.b-c", "0"] {
            assert!(good.parse::<NetworkName>().is_ok(), "{good:?}");
        }
        for bad in ["", "-a", ".a", "_a", "a b", "a,alias=b", "a:alias=b", "ns:/run", "ä", "host"]
        {
            assert!(bad.parse::<NetworkName>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "none".parse::<NetworkName>().unwrap_err().hint.unwrap(),
            "write network_mode: none"
        );
        for good in ["db", "_db.example", "DB-1"] {
            assert!(good.parse::<NetworkAlias>().is_ok(), "{good:?}");
        }
        for bad in ["", "-a", "a,b", "a=b", "a b", &"a".repeat(254)] {
            assert!(bad.parse::<NetworkAlias>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn revisions_are_tags_or_digests() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for good in ["279d903588", "v1.2.3_rc-1", &digest] {
            assert!(good.parse::<Revision>().is_ok(), "{good:?}");
        }
        for bad in ["", ".x", "a:b", "a/b", "sha256:xyz", "a b", &"a".repeat(129)] {
            assert!(bad.parse::<Revision>().is_err(), "{bad:?}");
        }
        assert_eq!(digest.parse::<Revision>().unwrap().short(), "0a0a0a0a0a0a");
    }

    #[test]
    fn unit_names_need_a_known_suffix() {
        assert_eq!("a-b@c.service".parse::<UnitName>().unwrap().kind(), "service");
        for bad in ["a", ".service", "a.mount", "a b.service", "a/b.service"] {
            assert!(bad.parse::<UnitName>().is_err(), "{bad:?}");
        }
    }
}
