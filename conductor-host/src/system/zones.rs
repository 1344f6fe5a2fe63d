//! Time zones, from the files that systemd reads. The caller's variable `TZ` is not used.

use std::io::ErrorKind;
use std::path::Path;

use jiff::tz::TimeZone;

use super::open::{self, Links, ReadError};
use conductor_core::error::{Invalid, shown_path};

const ZONES: &str = "/usr/share/zoneinfo";
/// The zone that needs no file.
const UTC: &str = "UTC";
/// The longest file that is read; a zone has a few kilobytes.
const LONGEST: u64 = 1024 * 1024;

/// Returns a time zone of the IANA database by its name.
///
/// # Errors
/// This host does not have the zone.
pub fn time_zone(name: &str) -> Result<TimeZone, Invalid> {
    if name == UTC {
        return Ok(TimeZone::UTC);
    }
    let data = open::read(&Path::new(ZONES).join(name), Links::Followed, LONGEST).ok();
    let zone = data.and_then(|data| TimeZone::tzif(name, &data).ok());
    zone.ok_or_else(|| {
        Invalid::new(format!("{name} is not a time zone that this host knows"))
            .hint("timedatectl list-timezones lists them; they come with tzdata")
    })
}

/// Returns the time zone of the host below a root: UTC unless `/etc/localtime` sets another (localtime(5)).
///
/// # Errors
/// The file cannot be read, or is not a time zone.
pub fn local_time_zone(root: &Path) -> Result<TimeZone, Invalid> {
    let path = root.join("etc/localtime");
    let unreadable = |why: String| Invalid::new(format!("{}: {why}", shown_path(&path)));
    match open::read(&path, Links::Followed, LONGEST) {
        Ok(data) => TimeZone::tzif("", &data).map_err(|error| unreadable(error.to_string())),
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(TimeZone::UTC),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_host_goes_by_utc_unless_a_file_says_otherwise() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(local_time_zone(root.path()).unwrap(), TimeZone::UTC);
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/localtime"), "no zone").unwrap();
        let error = local_time_zone(root.path()).unwrap_err();
        assert!(error.message.contains("etc/localtime: "), "{}", error.message);
    }

    #[test]
    fn zones_are_called_as_their_files() {
        assert!(time_zone("UTC").is_ok());
        for bad in ["Moon/Sea", "utc", "Europe"] {
            let error = time_zone(bad).unwrap_err();
            assert!(error.message.contains("not a time zone that this host knows"), "{bad}");
        }
    }
}
