//! What a container has of the host: devices, namespaces, kernel parameters; and its labels and platform.

use std::fmt;
use std::str::FromStr;

use super::character::{control, is_unfit};
use super::path::HostPath;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, nearest, text_type, written_as_text};

/// The options of `security_opt` that docker or podman has, up to their values.
const SECURITY: [&str; 8] = [
    "apparmor",
    "label",
    "mask",
    "no-new-privileges",
    "proc-opts",
    "seccomp",
    "systempaths",
    "unmask",
];

/// The kernel parameters outside `net.` and `fs.mqueue.` that each container has for itself.
const IPC_SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// The labels by which conductor and the journal know a container.
const OWN_LABELS: &str = "CONDUCTOR_";

text_type!(
    /// An option for the security of a container, as in `docker run --security-opt`.
    SecurityOption,
    check_security,
    format!("^({})([=:][^\\s{}]{{1,1024}})?$", SECURITY.join("|"), control!()),
    numbers: Numbers::Refused,
    "A security option, such as no-new-privileges:true, seccomp=unconfined or label=disable."
);

text_type!(
    /// The namespace of process ids, if it is not the container's own.
    PidMode,
    check_pid,
    "^host$",
    numbers: Numbers::Refused,
    "host: the container sees the processes of the host."
);

text_type!(
    /// The namespace of System V IPC and shared memory.
    IpcMode,
    check_ipc,
    "^(host|none|private|shareable)$",
    numbers: Numbers::Refused,
    "host, none, private or shareable."
);

text_type!(
    /// The namespace of users.
    UserNamespace,
    check_user_namespace,
    "^(host|private|nomap|(auto|keep-id)(:[A-Za-z0-9=,:@/#+-]{1,255})?)$",
    numbers: Numbers::Refused,
    "host; podman: or auto, keep-id, nomap or private, with their options."
);

text_type!(
    /// The graphics processors of a container.
    Gpus,
    check_gpus,
    "^(all|[0-9]{1,3}|[a-z]+=[A-Za-z0-9,._:=-]{1,255})$",
    numbers: Numbers::Whole(0, 999),
    "all, a number of them, or device=0."
);

text_type!(
    /// The operating system and the architecture of an image.
    Platform,
    check_platform,
    "^[a-z0-9]{1,32}(/[a-z0-9_]{1,32}){0,2}$",
    numbers: Numbers::Refused,
    "An operating system and an architecture, such as linux/arm64."
);

text_type!(
    /// The name of a label, which is not one of conductor's.
    LabelName,
    check_label,
    "^(?!CONDUCTOR_)[A-Za-z0-9]([A-Za-z0-9._/-]{0,253}[A-Za-z0-9])?$",
    numbers: Numbers::Refused,
    "The name of a label: letters, digits, '.', '_', '-' and '/'; not beginning with CONDUCTOR_."
);

text_type!(
    /// The name of a kernel parameter that each container has for itself.
    SysctlName,
    check_sysctl,
    format!(
        "^((net|fs\\.mqueue)\\.[a-z0-9_][A-Za-z0-9_./*-]{{0,200}}|{})$",
        IPC_SYSCTLS.join("|").replace('.', "\\.")
    ),
    numbers: Numbers::Refused,
    "The name of a kernel parameter of a container's own: net.*, fs.mqueue.*, kernel.sem, kernel.shm* and kernel.msg*."
);

text_type!(
    /// The value of a kernel parameter.
    SysctlValue,
    check_sysctl_value,
    "^[!-~]([ -~]{0,253}[!-~])?$",
    numbers: Numbers::AsWritten,
    "The value of a kernel parameter: a number, or several with spaces between them."
);

text_type!(
    /// The options of a file system in memory (tmpfs(5)).
    TmpfsOptions,
    check_tmpfs,
    "^[a-z0-9_]+(=[A-Za-z0-9_%.]+)?(,[a-z0-9_]+(=[A-Za-z0-9_%.]+)?)*$",
    numbers: Numbers::Refused,
    "Options of tmpfs(5), such as size=64m,mode=1777."
);

fn refused(text: &str, what: &str, hint: &str) -> Invalid {
    Invalid::new(format!("{} is not {what}", shown(text))).hint(hint)
}

fn check_security(text: &str) -> Result<(), Invalid> {
    const HINT: &str =
        "write for example no-new-privileges:true, seccomp=unconfined or label=disable";
    let (name, value) = match text.split_once(['=', ':']) {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let fits = |c: char| !is_unfit(c) && !c.is_whitespace();
    let good = value
        .is_none_or(|value| (1..=1024).contains(&value.chars().count()) && value.chars().all(fits));
    match SECURITY.contains(&name) && good {
        true => Ok(()),
        false => Err(refused(text, "a security option", HINT)),
    }
}

fn one_of(text: &str, what: &str, known: &[&'static str]) -> Result<(), Invalid> {
    if known.contains(&text) {
        return Ok(());
    }
    Err(refused(text, what, &format!("write {}", known.join(", "))))
}

fn check_pid(text: &str) -> Result<(), Invalid> {
    one_of(text, "a namespace of processes", &["host"])
}

fn check_ipc(text: &str) -> Result<(), Invalid> {
    one_of(text, "a namespace of shared memory", &["host", "none", "private", "shareable"])
}

fn check_user_namespace(text: &str) -> Result<(), Invalid> {
    let (name, options) = match text.split_once(':') {
        Some((name, options)) => (name, Some(options)),
        None => (text, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "=,:@/#+-".contains(c);
    let good = match options {
        None => ["host", "private", "nomap", "auto", "keep-id"].contains(&name),
        Some(options) => {
            ["auto", "keep-id"].contains(&name)
                && (1..=255).contains(&options.len())
                && options.chars().all(fits)
        }
    };
    match good {
        true => Ok(()),
        false => Err(refused(
            text,
            "a namespace of users",
            "write host, or for podman auto, keep-id, nomap",
        )),
    }
}

fn check_gpus(text: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ",._:=-".contains(c);
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let is_request = text.split_once('=').is_some_and(|(key, value)| {
        !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_lowercase())
            && (1..=255).contains(&value.len())
            && value.chars().all(fits)
    });
    match text == "all" || is_number || is_request {
        true => Ok(()),
        false => Err(refused(
            text,
            "a request for graphics processors",
            "write all, a number, or device=0",
        )),
    }
}

fn check_platform(text: &str) -> Result<(), Invalid> {
    let parts: Vec<_> = text.split('/').collect();
    let fits = |b: u8, may_have: &[u8]| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || may_have.contains(&b)
    };
    let good = parts.len() <= 3
        && parts.iter().enumerate().all(|(at, part)| {
            let more: &[u8] = if at == 0 { b"" } else { b"_" };
            (1..=32).contains(&part.len()) && part.bytes().all(|b| fits(b, more))
        });
    match good {
        true => Ok(()),
        false => Err(refused(text, "a platform", "write for example linux/amd64 or linux/arm64")),
    }
}

fn check_label(text: &str) -> Result<(), Invalid> {
    if text.starts_with(OWN_LABELS) {
        return Err(Invalid::new(format!("{} is a label of conductor's", shown(text)))
            .hint("give the label another name"));
    }
    let ends = |c: char| c.is_ascii_alphanumeric();
    let good = (1..=255).contains(&text.len())
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| ends(c) || "._/-".contains(c));
    match good {
        true => Ok(()),
        false => {
            Err(refused(text, "the name of a label", "use letters, digits, '.', '_', '-' and '/'"))
        }
    }
}

fn check_sysctl(text: &str) -> Result<(), Invalid> {
    let rest = text.strip_prefix("net.").or_else(|| text.strip_prefix("fs.mqueue."));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./*-".contains(c);
    let own = rest.is_some_and(|rest| {
        (1..=201).contains(&rest.len())
            && rest.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && rest.chars().all(plain)
    });
    if own || IPC_SYSCTLS.contains(&text) {
        return Ok(());
    }
    if let Some(known) = nearest(text, &IPC_SYSCTLS) {
        let hint = format!("did you mean {known}?");
        return Err(refused(text, "a kernel parameter of a container's own", &hint));
    }
    let hint = "others are the host's: write them into a file in /etc/sysctl.d";
    Err(refused(text, "a kernel parameter of a container's own", hint))
}

fn check_sysctl_value(text: &str) -> Result<(), Invalid> {
    let fits = |b: u8| b.is_ascii_graphic() || b == b' ';
    match (1..=255).contains(&text.len()) && text.trim() == text && text.bytes().all(fits) {
        true => Ok(()),
        false => Err(refused(text, "the value of a kernel parameter", "write for example 1024")),
    }
}

fn check_tmpfs(text: &str) -> Result<(), Invalid> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let is_value = |value: &str| {
        !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_%.".contains(&b))
    };
    let is_option = |option: &str| match option.split_once('=') {
        Some((name, value)) => is_name(name) && is_value(value),
        None => is_name(option),
    };
    match text.split(',').all(is_option) {
        true => Ok(()),
        false => {
            Err(refused(text, "a list of mount options", "write for example size=64m,mode=1777"))
        }
    }
}

/// A file system in memory: `/tmp`, or `/tmp:size=64m,mode=1777`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Where it is mounted.
    pub target: HostPath,
    /// Its options.
    pub options: Option<TmpfsOptions>,
}

impl Tmpfs {
    /// Returns the value of systemd's `TemporaryFileSystem=`. Like the engines', it is writable for all users.
    pub(crate) fn of_systemd(&self, target: &str) -> String {
        let options = self.options.as_ref().map_or("", TmpfsOptions::as_str);
        let has_mode = options.split(',').any(|option| option.starts_with("mode="));
        let mode = if has_mode { "" } else { "mode=1777" };
        let all = [options, mode].into_iter().filter(|part| !part.is_empty());
        format!("{target}:{}", all.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Tmpfs {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (target, options) = match text.split_once(':') {
            Some((target, options)) => (target, Some(options.parse()?)),
            None => (text, None),
        };
        let target: HostPath = target.parse()?;
        if target.as_str() == "/" {
            let message = "/ would hide the instance's whole file system";
            return Err(Invalid::new(message).hint("write a directory, such as /tmp"));
        }
        Ok(Self { target, options })
    }
}

impl fmt::Display for Tmpfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.options {
            Some(options) => write!(f, "{}:{options}", self.target),
            None => self.target.fmt(f),
        }
    }
}

written_as_text!(
    Tmpfs,
    concat!(
        "^(?!/(:|$))",
        super::path::path_pattern!(),
        "(:[a-z0-9_]+(=[A-Za-z0-9_%.]+)?(,[a-z0-9_]+(=[A-Za-z0-9_%.]+)?)*)?$"
    ),
    numbers: Numbers::Refused,
    "A directory in memory, and its options after a colon: /tmp, /run:size=64m,mode=1777."
);

/// A device of the host: `/dev/fuse`, `/dev/sda:/dev/data:r`, or a name of the Container Device Interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// A file of the host, the path inside, and what may be done with it: reading, writing, mknod.
    Node {
        /// The device of the host.
        source: HostPath,
        /// Its path inside, if it is another one.
        target: Option<HostPath>,
        /// Some of `r`, `w` and `m`.
        access: Option<String>,
    },
    /// `vendor.example/class=name`.
    Interface(String),
}

impl FromStr for Device {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const HINT: &str = "write /dev/NAME, /dev/NAME:/dev/OTHER or /dev/NAME:/dev/OTHER:r";
        let refuse = || refused(text, "a device", HINT);
        if !text.starts_with('/') {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
            let (kind, name) = text.split_once('=').ok_or_else(refuse)?;
            let (vendor, class) = kind.split_once('/').ok_or_else(refuse)?;
            let good = [vendor, class, name].iter().all(|part| {
                part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(fits)
            });
            return if good { Ok(Self::Interface(text.to_owned())) } else { Err(refuse()) };
        }
        let is_access =
            |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b"rwm".contains(&b));
        let mut parts = text.split(':');
        let source = parts.next().unwrap_or_default();
        let (target, access) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => (None, None),
            (Some(access), None, _) if is_access(access) => (None, Some(access)),
            (Some(target), None, _) => (Some(target), None),
            (Some(target), Some(access), None) if is_access(access) => (Some(target), Some(access)),
            _ => return Err(refuse()),
        };
        let target = target.map(str::parse::<HostPath>).transpose().map_err(|_| refuse())?;
        let source = source.parse::<HostPath>().map_err(|_| refuse())?;
        let inside = target.as_ref().unwrap_or(&source);
        if !source.as_str().starts_with("/dev/") || !inside.as_str().starts_with('/') {
            return Err(refuse());
        }
        let target = target.filter(|target| *target != source);
        Ok(Self::Node { source, target, access: access.map(str::to_owned) })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Node { source, target, access } => {
                write!(f, "{source}")?;
                if let Some(target) = target {
                    write!(f, ":{target}")?;
                }
                match access {
                    Some(access) => write!(f, ":{access}"),
                    None => Ok(()),
                }
            }
        }
    }
}

written_as_text!(
    Device,
    "^(/dev/[^\\s:]+(:/[^\\s:]+)?(:[rwm]{1,3})?|[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._:-]*)$",
    numbers: Numbers::Refused,
    "A device: /dev/NAME, /dev/NAME:/dev/OTHER, with :r, :w or :rw at the end; or VENDOR/CLASS=NAME."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_printed() {
        for text in [
            "/dev/fuse",
            "/dev/sda:/dev/data",
            "/dev/sda:/dev/data:r",
            "/dev/sda:rw",
            "nvidia.com/gpu=all",
        ] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "fuse",
            "/etc/passwd",
            "/dev/../etc",
            "/dev/a:b",
            "/dev/a:/b:rx",
            "/dev/a:/b:r:w",
            "a/b",
            "=a",
        ] {
            assert!(bad.parse::<Device>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_system_in_memory_is_for_everybody_unless_it_says_otherwise() {
        for (text, systemd) in [
            ("/tmp", "/tmp:mode=1777"),
            ("/run:size=64m", "/run:size=64m,mode=1777"),
            ("/run:mode=700,noexec", "/run:mode=700,noexec"),
        ] {
            let tmpfs: Tmpfs = text.parse().unwrap();
            assert_eq!(
                (tmpfs.to_string().as_str(), tmpfs.of_systemd(tmpfs.target.as_str()).as_str()),
                (text, systemd)
            );
        }
        for bad in ["", "tmp", "/", "/:size=1m", "/tmp:", "/tmp:a b", "/tmp:size=", "/tmp:a:b"] {
            assert!(bad.parse::<Tmpfs>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn kernel_parameters_of_the_host_are_refused() {
        for good in ["net.core.somaxconn", "fs.mqueue.msg_max", "kernel.shmmax"] {
            assert!(good.parse::<SysctlName>().is_ok(), "{good}");
        }
        let error = "vm.max_map_count".parse::<SysctlName>().unwrap_err();
        let hint = "others are the host's: write them into a file in /etc/sysctl.d";
        assert_eq!(error.hint.as_deref(), Some(hint));
        for bad in ["", "net.", "net", "kernel.hostname=", "a b", "net.a b"] {
            assert!(bad.parse::<SysctlName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_words_are_narrow() {
        for good in [
            "no-new-privileges",
            "no-new-privileges:true",
            "seccomp=unconfined",
            "label=type:spc_t",
        ] {
            assert!(good.parse::<SecurityOption>().is_ok(), "{good}");
        }
        for bad in ["", "seccomp=", "privileged", "seccomp=a b", "seccomp=a\n"] {
            assert!(bad.parse::<SecurityOption>().is_err(), "{bad:?}");
        }
        for good in ["host", "auto", "auto:size=1000", "keep-id:uid=200,gid=210"] {
            assert!(good.parse::<UserNamespace>().is_ok(), "{good}");
        }
        assert!("container:x".parse::<UserNamespace>().is_err());
        assert!("linux/arm/v7".parse::<Platform>().is_ok());
        assert!("linux/".parse::<Platform>().is_err());
        assert!("device=0,1".parse::<Gpus>().is_ok());
        assert!("some".parse::<Gpus>().is_err());
        assert!("traefik.http.routers.web.rule".parse::<LabelName>().is_ok());
        assert!("CONDUCTOR_ID".parse::<LabelName>().is_err());
    }
}
