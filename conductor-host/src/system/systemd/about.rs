//! What systemd says of itself and of units of others, for the doctor.

use std::time::Duration;

use futures_util::future;
use zbus::OwnedVariant;

use super::super::block::block_on;
use super::manager::PropertiesProxy;
use super::{MANAGER, SERVICE, Systemd, SystemdError};
use crate::doctor::{Manager, RateLimit};

impl Systemd {
    /// Returns its version, however old it is, and its defaults for units.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn about_itself(&self) -> Result<Manager, SystemdError> {
        let number = |value: zbus::Result<OwnedVariant>| u64::try_from(value.ok()?).ok();
        let (version, soft, hard) = block_on(|| {
            future::join3(
                self.property(MANAGER, "Version"),
                self.property(MANAGER, "DefaultLimitNOFILESoft"),
                self.property(MANAGER, "DefaultLimitNOFILE"),
            )
        });
        let version = version
            .map_err(|source| SystemdError::Connect { address: self.address.clone(), source })?;
        let version = String::try_from(version).unwrap_or_default();
        Ok(Manager { version, open_files: number(soft).zip(number(hard)) })
    }

    /// Returns which of these units are active.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn active_among(&self, units: &[&str]) -> Result<Vec<String>, SystemdError> {
        let listed = block_on(|| self.manager.list_units_by_patterns(&["active"], units));
        let listed =
            listed.map_err(|source| SystemdError::Call { call: "ListUnitsByPatterns", source })?;
        Ok(listed.into_iter().map(|unit| unit.name).collect())
    }

    /// Returns the limit that a service has for what it writes to the journal; `None` if it has none of its own.
    pub(crate) fn rate_limit(&self, unit: &str) -> Option<RateLimit> {
        let (interval, burst) = block_on(async || {
            // One that does not run is loaded.
            let path = self.manager.load_unit(unit).await.ok()?;
            let properties = PropertiesProxy::builder(&self.connection).path(&path);
            let properties = properties.build().await.ok()?;
            let interval = properties.get(SERVICE, "LogRateLimitIntervalUSec").await.ok()?;
            let burst = properties.get(SERVICE, "LogRateLimitBurst").await.ok()?;
            Some((u64::try_from(interval).ok()?, u32::try_from(burst).ok()?))
        })?;
        // systemd tells journald only of a limit that is not 0 (seen on systemd 257).
        let limit = RateLimit { interval: Duration::from_micros(interval), burst: burst.into() };
        Some(limit).filter(|limit| limit.burst > 0 && !limit.interval.is_zero())
    }
}
