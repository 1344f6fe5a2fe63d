//! Checks that only root and the caller can change the files that conductor trusts.
//!
//! A definition decides which programs systemd starts as root, so whoever can write one is root. Like sudo
//! for its rules and sshd for its keys, conductor rejects a file if others can write to it, or to a directory
//! or link on its path.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf, absolute};

use conductor_core::error::{Problem, shown_path};
use conductor_core::runtime::Scope;

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
/// The kernel follows no more links than this (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// The rule that only root and the caller can write to a file.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    caller: u32,
    scope: Scope,
    otherwise: Option<&'static str>,
    contents: bool,
}

impl Trust {
    /// Trusts root and the caller. For root, write access of root's group is accepted; for a user's own
    /// services, that of any group.
    pub fn new(scope: Scope) -> Self {
        Self { caller: rustix::process::geteuid().as_raw(), scope, otherwise: None, contents: true }
    }

    /// Adds to the hint of each problem what to do if the other users are trusted.
    #[must_use]
    pub fn otherwise(mut self, hint: &'static str) -> Self {
        self.otherwise = Some(hint);
        self
    }

    /// Accepts a file that another user can write to, but not replace by a link to another file.
    #[must_use]
    pub fn of_any_contents(mut self) -> Self {
        self.contents = false;
        self
    }

    /// Checks a file or directory, and each directory and link on its path. A missing file is not an error
    /// here: its reader reports it.
    ///
    /// # Errors
    /// Another user can write to it, or its metadata cannot be read.
    pub fn check(self, path: &Path) -> Result<(), Problem> {
        let cannot = |error: &io::Error| {
            Problem::of_file(path, format!("cannot check its permissions: {error}"))
        };
        let whole = absolute(path).map_err(|error| cannot(&error))?;
        let mut rest = parts(&whole);
        let mut links = 0;
        let mut at = PathBuf::from("/");
        // Whether the owner of what is in the directory above can replace it.
        let mut is_shared = false;
        loop {
            let metadata = match at.symlink_metadata() {
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    return Ok(());
                }
                metadata => metadata.map_err(|error| cannot(&error))?,
            };
            if metadata.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(cannot(&io::Error::other("too many symbolic links")));
                }
                let to = at.read_link().map_err(|error| cannot(&error))?;
                rest.extend(parts(&to));
                if to.is_absolute() {
                    at = PathBuf::from("/");
                } else {
                    at.pop();
                }
            } else if !self.contents && metadata.is_file() && !is_shared {
                return Ok(());
            } else {
                self.check_one(&at, &metadata, rest.is_empty())?;
                is_shared =
                    metadata.is_dir() && metadata.mode() & (OTHERS_WRITE | GROUP_WRITES) != 0;
            }
            let Some(next) = rest.pop() else { return Ok(()) };
            if next == ".." {
                at.pop();
            } else {
                at.push(next);
            }
        }
    }

    /// Checks the metadata of an open file.
    pub(crate) fn check_file(self, path: &Path, metadata: &Metadata) -> Result<(), Problem> {
        self.check_one(path, metadata, true)
    }

    fn check_one(self, path: &Path, metadata: &Metadata, last: bool) -> Result<(), Problem> {
        // Other types of files are never read.
        if !metadata.is_file() && !metadata.is_dir() {
            return Ok(());
        }
        let (owner, group) = (metadata.uid(), metadata.gid());
        let mode = metadata.permissions().mode() & 0o7777;
        if owner != ROOT && owner != self.caller {
            let problem = Problem::of_file(path, format!("it belongs to user {owner}"));
            return Err(problem.hint(self.hint("chown root", path)));
        }
        // In a sticky directory such as /tmp, others can add files, but cannot replace them.
        if mode & STICKY != 0 && !last {
            return Ok(());
        }
        let who = if mode & OTHERS_WRITE != 0 {
            "everybody".to_owned()
        } else if mode & GROUP_WRITES != 0 && group != ROOT && self.scope == Scope::System {
            format!("its group {group}")
        } else {
            return Ok(());
        };
        let problem = Problem::of_file(path, format!("{who} can write to it (mode {mode:04o})"));
        Err(problem.hint(self.hint("chmod go-w", path)))
    }

    fn hint(self, command: &str, path: &Path) -> String {
        let path = shown_path(path);
        match self.otherwise {
            Some(otherwise) => {
                format!("{command} {path}; or, if you trust those users, {otherwise}")
            }
            None => format!("{command} {path}"),
        }
    }
}

/// Returns the components of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_contents_of_a_file_may_be_of_others_if_they_cannot_replace_it() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let (open, file) = (base.join("open"), base.join("open/file"));
        fs::create_dir(&open).unwrap();
        fs::write(&file, "").unwrap();
        set(&file, 0o666);
        set(&open, 0o755);
        let trust = Trust::new(Scope::System).of_any_contents();
        trust.check(&file).unwrap();
        for mode in [0o777, 0o1777] {
            set(&open, mode);
            let problem = trust.check(&file).unwrap_err();
            assert!(problem.message.starts_with("everybody can write to it"), "{problem}");
        }
    }

    #[test]
    fn what_others_can_write_is_refused_all_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let [closed, open] = ["closed", "open"].map(|name| base.join(name));
        for path in [&closed, &open] {
            fs::create_dir(path).unwrap();
            set(path, 0o755);
        }
        let (file, link) = (open.join("web.yaml"), closed.join("web.yaml"));
        fs::write(&file, "").unwrap();
        set(&file, 0o644);
        symlink("../open/web.yaml", &link).unwrap();
        let trust = Trust::new(Scope::System);
        for path in [&file, &link, &closed, &open, &closed.join("none"), Path::new("/dev/null/x")] {
            assert_eq!(trust.check(path).map_err(|problem| problem.to_string()), Ok(()));
        }
        let refused = |of: &Path, at: &Path, what: &str| {
            let problem = trust.check(of).unwrap_err();
            assert_eq!((problem.file.as_path(), problem.message.as_str()), (at, what));
            problem.hint.unwrap()
        };
        set(&open, 0o777);
        let hint = refused(&link, &open, "everybody can write to it (mode 0777)");
        assert_eq!(hint, format!("chmod go-w {}", open.display()));
        let problem = trust.otherwise("ask").check(&open).unwrap_err();
        assert!(problem.to_string().ends_with("; or, if you trust those users, ask"), "{problem}");
        // There, users can add files, but cannot replace those of others.
        set(&open, 0o1777);
        trust.check(&link).unwrap();
        refused(&open, &open, "everybody can write to it (mode 1777)");
        set(&open, 0o755);
        set(&file, 0o666);
        refused(&link, &file, "everybody can write to it (mode 0666)");
        set(&file, 0o664);
        let users = Trust { scope: Scope::User, ..trust };
        users.check(&link).unwrap();
        let other = Trust { caller: 4711, ..trust };
        let owner = fs::metadata(&file).unwrap().uid();
        // When root runs this test, root owns everything.
        assert_eq!(other.check(&base).is_err(), owner != ROOT);
        symlink("loop", closed.join("loop")).unwrap();
        assert!(trust.check(&closed.join("loop")).unwrap_err().message.contains("too many"));
    }
}
