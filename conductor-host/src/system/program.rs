//! Looks on the host for what a native service starts with: its program and its user.
//!
//! What may be otherwise when the instance starts is not an error here, such as a file that this process may
//! not see.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conductor_core::error::Invalid;
use conductor_core::runtime::Program;
use conductor_core::value::UserName;
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

/// The permission of others to execute a file, or to enter a directory.
const OTHERS: u32 = 0o001;
/// The permissions to execute a file.
const EXECUTE: u32 = 0o111;

/// Returns what is wrong with a user, if there is no such user on the host.
pub(crate) fn check_user(user: &UserName) -> Result<(), Invalid> {
    let is_number = user.as_str().bytes().all(|byte| byte.is_ascii_digit());
    if is_number || knows(user.as_str()) {
        return Ok(());
    }
    let hint = format!(
        "create it with useradd --system {user}, or remove user: the service then has a user of its own"
    );
    Err(Invalid::new(format!("there is no user {user} on this host")).hint(hint))
}

/// Returns whether the host may have a user. Its own program is asked, because a statically linked conductor does not
/// see users of a directory server. Another answer than "none" may be one of the moment, such as a server that does
/// not answer, or there is no such program.
fn knows(user: &str) -> bool {
    const NOT_FOUND: i32 = 2;
    let mut command = Command::new("getent");
    command.args(["passwd", "--", user]).stdin(Stdio::null());
    command.output().map_or(true, |output| output.status.code() != Some(NOT_FOUND))
}

/// Returns why systemd cannot execute a program, if that is certain.
pub(crate) fn check_program(program: &Program) -> Result<(), Invalid> {
    let Program { path, image, hidden, stranger } = program;
    let root = Path::new(image.as_deref().unwrap_or("/"));
    let place = image.as_ref().map_or_else(String::new, |image| format!(" in the image {image}"));
    let file = match find(root, path) {
        Ok(file) => file,
        Err(ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let hint = "install the program, or correct its path";
            return Err(Invalid::new(format!("there is no {path}{place}")).hint(hint));
        }
        // It may be visible to the service.
        Err(_) => return Ok(()),
    };
    let real = real_path(&file);
    let (Ok(metadata), Ok(real)) = (File::from(file).metadata(), real) else { return Ok(()) };
    let is_hidden = |(place, _): &&(&str, &str)| real.starts_with(place);
    if let Some((place, directive)) = hidden.iter().find(is_hidden) {
        let message =
            format!("{path} is below {place}, which {directive}=yes hides from the service");
        let hint = match *directive {
            "ProtectHome" => "move it, for example to /srv, or add its directory to volumes",
            _ => "move it, for example to /srv, or set systemd.Service.PrivateTmp: false",
        };
        return Err(Invalid::new(message).hint(hint));
    }
    if !metadata.is_file() {
        return Err(Invalid::new(format!("{path}{place} is not a file")).hint("name the program"));
    }
    if metadata.mode() & EXECUTE == 0 {
        let message = format!("{path}{place} is not executable");
        return Err(Invalid::new(message).hint(format!("chmod +x {}", real.display())));
    }
    if *stranger {
        check_others(path, &real)?;
    }
    check_interpreter(root, path, &place, &real)
}

/// Opens a file below a root as the kernel would find it if that were `/`, without an effect on the file.
fn find(root: &Path, path: &str) -> Result<OwnedFd, ErrorKind> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let kind = |errno: rustix::io::Errno| errno.kind();
    let root = open(root, flags, Mode::empty()).map_err(kind)?;
    openat2(root.as_fd(), path, flags, Mode::empty(), ResolveFlags::IN_ROOT).map_err(kind)
}

/// Returns the path of an open file, without links.
fn real_path(file: &OwnedFd) -> std::io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Returns what a user that owns nothing may not enter or execute.
fn check_others(path: &str, real: &Path) -> Result<(), Invalid> {
    for part in real.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let Ok(metadata) = part.symlink_metadata() else { return Ok(()) };
        if metadata.mode() & OTHERS == 0 {
            let shown = part.display();
            let message = format!(
                "the service's dynamic user may not execute {path}: {shown} has mode {:04o}",
                metadata.mode() & 0o7777
            );
            return Err(Invalid::new(message).hint(format!("chmod o+x {shown}, or set user")));
        }
    }
    Ok(())
}

/// Returns whether the interpreter in the first line of a script is missing.
fn check_interpreter(root: &Path, path: &str, place: &str, real: &Path) -> Result<(), Invalid> {
    /// The kernel reads that much.
    const LONGEST: u64 = 256;
    let nonblocking = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblocking).open(real);
    let mut start = Vec::new();
    let count = file.and_then(|file| file.take(LONGEST).read_to_end(&mut start));
    let Some(line) = count.ok().and_then(|_| start.strip_prefix(b"#!")) else { return Ok(()) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default();
    let missing =
        || matches!(find(root, interpreter), Err(ErrorKind::NotFound | ErrorKind::NotADirectory));
    if !interpreter.starts_with('/') || !missing() {
        return Ok(());
    }
    let message =
        format!("{path}{place} needs the interpreter {interpreter:?}, which does not exist");
    Err(Invalid::new(message).hint("install it, or correct the first line of the program"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn said(program: &Program) -> String {
        check_program(program).map_or_else(|invalid| invalid.message, |()| String::new())
    }

    #[test]
    fn what_cannot_be_executed_is_named() {
        let image = tempfile::tempdir().unwrap();
        let inside = |path: &str| Program {
            path: path.to_owned(),
            image: Some(image.path().display().to_string()),
            hidden: Vec::new(),
            stranger: false,
        };
        let write = |name: &str, mode: u32, text: &str| {
            let file = image.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        write("good", 0o755, "#! /good -x\n");
        write("script", 0o755, "#!/good\r\n");
        write("plain", 0o644, "");
        fs::create_dir(image.path().join("directory")).unwrap();
        // Absolute, so it leads elsewhere on the host.
        symlink("/good", image.path().join("link")).unwrap();
        let place = format!(" in the image {}", image.path().display());
        for (path, expected) in [
            ("/good", String::new()),
            ("/link", String::new()),
            ("/none", format!("there is no /none{place}")),
            ("/good/none", format!("there is no /good/none{place}")),
            ("/directory", format!("/directory{place} is not a file")),
            ("/plain", format!("/plain{place} is not executable")),
            (
                "/script",
                format!("/script{place} needs the interpreter \"/good\\r\", which does not exist"),
            ),
        ] {
            assert_eq!(said(&inside(path)), expected);
        }
    }

    #[test]
    fn what_the_sandbox_hides_is_named_with_its_directive() {
        let program = |path: &str| Program {
            path: path.to_owned(),
            image: None,
            hidden: vec![("/proc", "ProtectHome")],
            stranger: true,
        };
        let hidden = "/proc/version is below /proc, which ProtectHome=yes hides from the service";
        assert_eq!(said(&program("/proc/version")), hidden);
        assert_eq!(said(&program("/usr/bin/env")), "");
        let own = tempfile::tempdir().unwrap();
        let file = own.path().join("x");
        fs::write(&file, "").unwrap();
        for (path, mode) in [(file.as_path(), 0o755), (own.path(), 0o700)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let file = file.display().to_string();
        let expected = format!(
            "the service's dynamic user may not execute {file}: {} has mode 0700",
            own.path().display()
        );
        assert_eq!(said(&program(&file)), expected);
    }

    #[test]
    fn only_a_user_that_is_not_there_is_an_error() {
        assert!(check_user(&"root".parse().unwrap()).is_ok());
        assert!(check_user(&"12345".parse().unwrap()).is_ok());
        let error = check_user(&"nobody-like-this".parse().unwrap()).unwrap_err();
        assert_eq!(error.message, "there is no user nobody-like-this on this host");
    }
}
