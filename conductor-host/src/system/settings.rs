//! Reads the settings of the host.

use std::path::Path;

use conductor_core::error::Problems;
use conductor_core::settings::Settings;
use conductor_core::value::HostPath;

use super::definitions::read_text;
use super::trust::Trust;

/// Reads the settings; without a file, the defaults apply. With `trust`, the file and its templates must not
/// be writable for others.
///
/// # Errors
/// The file cannot be read, or is invalid.
pub fn read_settings(file: &Path, trust: Option<Trust>) -> Result<Settings, Problems> {
    if !file.try_exists().unwrap_or(true) {
        return Ok(Settings::default());
    }
    let alone = |problem| Problems(vec![problem]);
    let check = |path: &Path| trust.map_or(Ok(()), |trust| trust.check(path)).map_err(alone);
    check(file)?;
    let text = read_text(file, trust).map_err(alone)?;
    let settings = Settings::parse(file, &text)?;
    let templates = settings.proxies.values().filter_map(|proxy| proxy.template.as_ref());
    templates.map(HostPath::as_path).try_for_each(check)?;
    Ok(settings)
}
