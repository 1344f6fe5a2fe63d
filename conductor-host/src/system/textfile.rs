//! Writes a file for a program that may read it at any time.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::atomic::temporary;
use conductor_core::error::{PathContext as _, PathError};

/// Replaces a file, which everybody can read, in one step. Nothing else in its directory changes, so several processes
/// may write there.
///
/// # Errors
/// The path does not name a file, or the file cannot be written; then it is as it was.
pub fn write_textfile(path: &Path, text: &str) -> Result<(), PathError> {
    let (Some(_), Some(directory)) = (path.file_name(), path.parent()) else {
        return Err(io::Error::from(ErrorKind::IsADirectory)).at("write", path);
    };
    let here = Path::new(".");
    let directory = if directory.as_os_str().is_empty() { here } else { directory };
    let mut file = temporary(directory)?;
    file.write_all(text.as_bytes()).at("write", path)?;
    file.as_file().sync_all().at("sync", path)?;
    file.persist(path).map(drop).map_err(|error| error.error).at("write", path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_and_never_written_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link, other] =
            ["a.prom", "link.prom", "other"].map(|name| directory.path().join(name));
        write_textfile(&file, "one\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        write_textfile(&file, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        fs::write(&other, "of somebody else\n").unwrap();
        symlink(&other, &link).unwrap();
        write_textfile(&link, "mine\n").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "of somebody else\n");
        assert_eq!(directory.path().read_dir().unwrap().count(), 3);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for wrong in [directory.path(), Path::new("/"), &directory.path().join("missing/a.prom")] {
            write_textfile(wrong, "text").unwrap_err();
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
