//! Reads crontabs, and lists those in a directory that cron would read.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::open::{self, Links, ReadError};
use conductor_core::error::Problem;

/// The longest crontab that is read; cron accepts 10,000 lines of at most 1,000 bytes.
const LONGEST: u64 = 10 * 1024 * 1024;

/// Reads a crontab, which need not be UTF-8.
///
/// # Errors
/// It cannot be read, is not a regular file, or is too long.
pub fn read_crontab(file: &Path) -> Result<Vec<u8>, Problem> {
    open::read(file, Links::Followed, LONGEST).map_err(|error| problem(file, &error))
}

/// Reads a crontab from an open file, such as standard input; `file` is its name in messages.
///
/// # Errors
/// It cannot be read, or is too long.
pub fn read_open_crontab(file: &Path, open: impl Read) -> Result<Vec<u8>, Problem> {
    open::read_open(open, LONGEST).map_err(|error| problem(file, &error))
}

fn problem(file: &Path, error: &ReadError) -> Problem {
    match error {
        ReadError::Io(error) => Problem::of_file(file, format!("cannot read it: {error}")),
        ReadError::NotRegular => Problem::of_file(file, error.to_string()),
        ReadError::TooLong(_) => {
            Problem::of_file(file, error.to_string()).hint("cron ignores such a file, too")
        }
    }
}

/// Returns the crontabs in a directory, sorted, and a problem for each other file. cron reads only names of
/// letters, digits, `_` and `-` (cron(8), run-parts(8)), which skips the backups of editors and packages.
///
/// # Errors
/// The directory cannot be read.
pub fn crontabs_in(directory: &Path) -> Result<(Vec<PathBuf>, Vec<Problem>), Problem> {
    let cannot =
        |error: std::io::Error| Problem::of_file(directory, format!("cannot read it: {error}"));
    let (mut crontabs, mut others) = (Vec::new(), Vec::new());
    for entry in directory.read_dir().map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if !plain {
            // A placeholder keeps the empty directory; it is not a crontab.
            if name != ".placeholder" {
                let other = Problem::of_file(&path, "cron does not read a file with this name");
                others.push(other.hint("give the path of the file to import it"));
            }
        } else if path.is_file() {
            crontabs.push(path);
        } else {
            others.push(Problem::of_file(&path, "cron reads only regular files"));
        }
    }
    crontabs.sort();
    others.sort_by(|one, other| one.file.cmp(&other.file));
    Ok((crontabs, others))
}

/// Returns a problem for each file below a root from which PAM gives something to commands of cron.
pub fn session_gives(root: &Path) -> Vec<Problem> {
    const VARIABLES: &str = "cron gives commands these variables through PAM";
    const LIMITS: &str = "cron gives commands these limits through PAM";
    let mut limits: Vec<_> = match root.join("etc/security/limits.d").read_dir() {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    limits.retain(|path| path.extension().is_some_and(|end| end == "conf"));
    limits.push(root.join("etc/security/limits.conf"));
    limits.sort();
    let variables = [(root.join("etc/environment"), VARIABLES)];
    let files = variables.into_iter().chain(limits.into_iter().map(|path| (path, LIMITS)));
    files
        .filter(|(path, _)| has_settings(path))
        .map(|(path, what)| Problem::of_file(&path, what))
        .collect()
}

/// Returns a problem if PAM has no service for cron below a root.
pub fn session_lacks(root: &Path) -> Vec<Problem> {
    let path = root.join("etc/pam.d/cron");
    let lacks = (!path.exists()).then(|| {
        let problem =
            Problem::of_file(&path, "it is missing, and PAM would take `other` in its place");
        problem.hint("install the package cron, or import without --pam")
    });
    lacks.into_iter().collect()
}

/// Returns whether a file has lines other than comments. One that cannot be read has none.
fn has_settings(path: &Path) -> bool {
    let text = open::read(path, Links::Followed, LONGEST).unwrap_or_default();
    text.split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii_start().first().is_some_and(|first| *first != b'#'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_cron_reads_is_a_crontab() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b", "A_1-x", "x.dpkg-old", "x~", ".placeholder", ".hidden", "ä"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("sub")).unwrap();
        let (crontabs, others) = crontabs_in(directory.path()).unwrap();
        let names = |paths: Vec<PathBuf>| -> Vec<_> {
            let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            paths.into_iter().map(name).collect()
        };
        assert_eq!(names(crontabs), ["A_1-x", "b"]);
        let others = others.into_iter().map(|problem| problem.file).collect::<Vec<_>>();
        assert_eq!(names(others), [".hidden", "sub", "x.dpkg-old", "x~", "ä"]);
        assert!(crontabs_in(&directory.path().join("none")).is_err());
    }

    #[test]
    fn what_pam_gives_is_named() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let named = || {
            session_gives(root.path()).into_iter().map(|problem| problem.file).collect::<Vec<_>>()
        };
        assert!(named().is_empty());
        assert_eq!(session_lacks(root.path()).len(), 1);
        write("etc/environment", "\n# A=1\n");
        write("etc/security/limits.conf", "  # End of file\n");
        write("etc/security/limits.d/x.conf", "* soft nofile 9\n");
        write("etc/security/limits.d/x.orig", "* soft nofile 9\n");
        write("etc/pam.d/cron", "");
        assert_eq!(named(), [root.path().join("etc/security/limits.d/x.conf")]);
        write("etc/environment", "# A=1\nB=1\n");
        assert_eq!(named()[0], root.path().join("etc/environment"));
        assert_eq!(session_lacks(root.path()), []);
    }

    #[test]
    fn any_bytes_are_read_and_nothing_but_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        fs::write(&file, b"\xff\0").unwrap();
        assert_eq!(read_crontab(&file).unwrap(), b"\xff\0");
        assert_eq!(read_crontab(directory.path()).unwrap_err().message, "not a regular file");
        fs::write(&file, vec![b'#'; 11 << 20]).unwrap();
        assert!(read_crontab(&file).unwrap_err().message.contains("longer than"));
    }
}
