//! The program of a native service, as far as a host can look for it before an instance starts.

use std::path::Path;

use super::Scope;
use super::native::is_disk_image;
use crate::definition::Runtime;
use crate::name::Revision;
use crate::service::Service;
use crate::value::{Tokenized as _, Tokens, User, UserName};

/// The program of a native service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path, inside the image if there is one.
    pub path: String,
    /// The directory that is the root of its file system, if it is not the host's.
    pub image: Option<String>,
    /// The parts of the host's file system that the sandbox hides, and the directives that hide them.
    pub hidden: Vec<(&'static str, &'static str)>,
    /// Whether it runs as a user that owns no file and is in no group: only the permissions for others count.
    pub stranger: bool,
}

/// Directives with which another file may be at the path, or with which a command runs before the program and
/// may create it.
const UNKNOWN: [&str; 15] = [
    "BindPaths",
    "BindReadOnlyPaths",
    "ExecCondition",
    "ExecStartPre",
    "ExtensionDirectories",
    "ExtensionImages",
    "InaccessiblePaths",
    "MountImages",
    "RequiresMountsFor",
    "Requires",
    "RootDirectory",
    "RootEphemeral",
    "RootImage",
    "TemporaryFileSystem",
    "Wants",
];

/// Directives that give the program's user groups, privileges or files.
const RIGHTS: [&str; 8] = [
    "AmbientCapabilities",
    "CacheDirectory",
    "DynamicUser",
    "Group",
    "LogsDirectory",
    "StateDirectory",
    "RuntimeDirectory",
    "SupplementaryGroups",
];

/// Returns the user of the host that a service needs.
pub fn needed_user(service: &Service) -> Option<&UserName> {
    let made = service.runtime != Runtime::Native || service.setting("DynamicUser").is_some();
    service.user.as_ref().filter(|_| !made).map(User::name)
}

/// Returns the program of a service; `None` if it cannot be known before the start.
pub fn program(service: &Service, revision: &Revision, scope: Scope) -> Option<Program> {
    let set = |names: &[&str]| names.iter().any(|name| service.setting(name).is_some());
    // The hook may be what installs it.
    if service.runtime != Runtime::Native || service.deploy.before.is_some() || set(&UNKNOWN) {
        return None;
    }
    let tokens = Tokens {
        id: service.id.as_str(),
        revision: revision.as_str(),
        instance: "",
        port: None,
        socket: None,
    };
    let whole = |text: &str| {
        let differs = ["instance", "port", "socket"].iter().any(|token| text.uses(token));
        (!differs).then(|| tokens.expand(text).into_owned())
    };
    let path = whole(service.command.first()?.as_str())?;
    let below = |directory: &str| Path::new(&path).starts_with(directory);
    if service.volumes.iter().any(|volume| below(&tokens.expand(volume.target.as_str()))) {
        return None;
    }
    if service.process.tmpfs.iter().any(|tmpfs| below(&tokens.expand(tmpfs.target.as_str()))) {
        return None;
    }
    let image = match &service.image {
        Some(image) => Some(whole(image.as_str()).filter(|image| !is_disk_image(image))?),
        None => None,
    };
    let sandbox = service.sandbox && scope == Scope::System && image.is_none();
    let hidden = if sandbox { hidden(service) } else { Vec::new() };
    let has_groups = !service.process.group_add.is_empty();
    let stranger = sandbox
        && service.user.is_none()
        && !has_groups
        && service.process.runtime_directory.is_none()
        && !set(&RIGHTS);
    Some(Program { path, image, hidden, stranger })
}

/// Returns what the sandbox hides (systemd.exec(5), `ProtectHome=` and `PrivateTmp=`).
fn hidden(service: &Service) -> Vec<(&'static str, &'static str)> {
    let on = |name, also: &str| {
        let value = service.setting(name).unwrap_or("yes");
        value == also || ["yes", "true", "on", "1"].contains(&value)
    };
    let home = ["/home", "/root", "/run/user"].map(|place| (place, "ProtectHome"));
    let temporary = ["/tmp", "/var/tmp"].map(|place| (place, "PrivateTmp"));
    let home = home.into_iter().filter(|_| on("ProtectHome", "tmpfs"));
    home.chain(temporary.into_iter().filter(|_| on("PrivateTmp", "disconnected"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Program> {
        let service = Service::parse(Path::new("web.yaml"), &format!("id: web\n{text}")).unwrap();
        program(&service, &"v1".parse().unwrap(), Scope::System)
    }

    #[test]
    fn a_program_is_known_unless_something_may_put_another_in_its_place() {
        let found = of("command: ['/srv/{id}/{revision}/web']").unwrap();
        assert_eq!(
            (found.path.as_str(), found.image, found.stranger),
            ("/srv/web/v1/web", None, true)
        );
        let found = of("command: [/bin/web]\nimage: /srv/web\n").unwrap();
        assert_eq!((found.image.as_deref(), found.stranger), (Some("/srv/web"), false));
        assert!(found.hidden.is_empty());
        for unknown in [
            "command: ['/srv/{instance}/web']",
            "command: [/bin/web]\nimage: /srv/web.raw",
            "command: [/bin/web]\ndeploy: {before: [/bin/install]}",
            "command: [/app/web]\nvolumes: [/srv/app:/app]",
            "command: [/bin/web]\nsystemd: {Service: {ExecStartPre: /bin/build}}",
            "image: a/web:v1\nruntime: docker",
        ] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_the_sandbox_hides_depends_on_its_directives() {
        let hidden = |text: &str| {
            let found = of(&format!("command: [/bin/web]\n{text}")).unwrap();
            found.hidden.into_iter().map(|(place, _)| place).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(hidden(""), "/home /root /run/user /tmp /var/tmp");
        assert_eq!(hidden("systemd: {Service: {ProtectHome: read-only}}"), "/tmp /var/tmp");
        assert_eq!(
            hidden("systemd: {Service: {PrivateTmp: false, ProtectHome: tmpfs}}"),
            "/home /root /run/user"
        );
        assert_eq!(hidden("sandbox: false"), "");
    }
}
