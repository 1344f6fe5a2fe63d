//! The part of systemd's D-Bus interface that conductor uses (org.freedesktop.systemd1(5)).

use zbus::{ObjectPath, OwnedObjectPath};

/// One row of `ListUnitsByPatterns`.
#[derive(Debug, serde::Deserialize, zbus::Type)]
pub(in crate::system) struct ListedUnit {
    pub(in crate::system) name: String,
    _description: String,
    pub(in crate::system) load_state: String,
    pub(in crate::system) active_state: String,
    pub(in crate::system) sub_state: String,
    _following: String,
    pub(in crate::system) path: OwnedObjectPath,
    _job_id: u32,
    /// The type of the job that is queued or runs for it; empty if there is none.
    pub(in crate::system) job_type: String,
    _job_path: OwnedObjectPath,
}

impl ListedUnit {
    /// Returns whether it was started, and waits for other units before anything of it runs.
    pub(in crate::system) fn is_queued(&self) -> bool {
        self.job_type == "start" && ["inactive", "failed"].contains(&self.active_state.as_str())
    }
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(in crate::system) trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn reload_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn clean_unit(&self, name: &str, mask: &[&str]) -> zbus::Result<()>;
    fn ref_unit(&self, name: &str) -> zbus::Result<()>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    fn kill_unit(&self, name: &str, whom: &str, signal: i32) -> zbus::Result<()>;
    fn cancel_job(&self, id: u32) -> zbus::Result<()>;
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<ListedUnit>>;

    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.DBus.Properties",
    default_service = "org.freedesktop.systemd1",
    assume_defaults = false
)]
pub(in crate::system) trait Properties {
    fn get(&self, interface: &str, property: &str) -> zbus::Result<zbus::OwnedVariant>;
}
