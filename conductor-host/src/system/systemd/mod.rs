//! systemd over D-Bus: the states of units, and the reload, which is avoided where possible.

mod about;
pub(super) mod manager;
mod properties;
mod version;

use super::block::{self, block_on};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use zbus::connection::Builder;
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

use conductor_core::name::UnitName;
use conductor_core::plan::ActiveState;
use conductor_core::release::PREFIX;

use manager::{ListedUnit, ManagerProxy, PropertiesProxy};
pub use properties::{UnitDetails, UnitUsage};
pub(crate) use version::{OLDEST, number};

/// How many calls may wait for replies at a time: dbus-daemon allows 128.
pub(super) const CALLS_AT_A_TIME: usize = 64;

/// For how many units properties are read at a time, up to a dozen for each.
pub(super) const UNITS_AT_A_TIME: usize = CALLS_AT_A_TIME / 8;

/// The timeout of a call; a reload with thousands of units takes several seconds.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
const SLICE: &str = "org.freedesktop.systemd1.Slice";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// Why a call to systemd failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemdError {
    /// The bus cannot be reached.
    #[error("cannot reach systemd over D-Bus at {address}")]
    Connect {
        /// The address of the bus.
        address: String,
        /// The error of zbus.
        #[source]
        source: zbus::Error,
    },
    /// A call failed.
    #[error("systemd does not answer {call}")]
    Call {
        /// The method or property.
        call: &'static str,
        /// The error of zbus.
        #[source]
        source: zbus::Error,
    },
    /// It lacks directives that the units need.
    #[error("systemd {version} is too old: conductor needs {} or newer", version::OLDEST)]
    TooOld {
        /// Its version.
        version: u32,
    },
    /// The connection ended while jobs were running.
    #[error("the connection to systemd was closed while jobs were running")]
    Ended,
}

/// Units with their `ActiveState` and `SubState`.
pub type States = BTreeMap<UnitName, (ActiveState, String)>;

/// A connection to a systemd.
///
/// zbus is asynchronous, and the public methods block on its futures. So do not call them inside an
/// asynchronous runtime; use its `spawn_blocking`.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    pub(super) manager: ManagerProxy<'static>,
    address: String,
    /// The directory of transient units.
    pub(super) transient: PathBuf,
    /// Set after systemd was found to be new enough.
    checked: OnceLock<()>,
    /// Set after `Subscribe` was called.
    pub(super) subscribed: OnceLock<()>,
}

impl Systemd {
    /// Connects to the host's systemd, over the system bus. The first question for states, and the first job, fail
    /// if systemd is too old.
    ///
    /// # Errors
    /// The bus cannot be reached.
    pub fn system() -> Result<Self, SystemdError> {
        let transient = PathBuf::from("/run/systemd/system");
        Self::connect("unix:path=/run/dbus/system_bus_socket".to_owned(), transient)
    }

    /// Connects to a user's systemd, over the bus in the user's runtime directory. Otherwise as
    /// [`system`](Self::system).
    ///
    /// # Errors
    /// The bus cannot be reached.
    pub fn user(runtime: &Path) -> Result<Self, SystemdError> {
        let transient = runtime.join("systemd/user");
        Self::connect(format!("unix:path={}/bus", runtime.display()), transient)
    }

    fn connect(address: String, transient: PathBuf) -> Result<Self, SystemdError> {
        let connected = block::connect(async {
            let builder = Builder::address(address.as_str()).method_timeout(CALL_TIMEOUT);
            let connection = builder.build().await?;
            let manager = ManagerProxy::new(&connection).await?;
            Ok((connection, manager))
        });
        let connected = connected.unwrap_or_else(|error| Err(zbus::Error::from(error)));
        let (connection, manager) = match connected {
            Ok(connected) => connected,
            Err(source) => return Err(SystemdError::Connect { address, source }),
        };
        let (checked, subscribed) = (OnceLock::new(), OnceLock::new());
        Ok(Self { connection, manager, address, transient, checked, subscribed })
    }

    /// Checks, once, that systemd can be reached and is not too old.
    ///
    /// # Errors
    /// It cannot, or is.
    pub fn check(&self) -> Result<(), SystemdError> {
        block_on(|| self.check_version())
    }

    /// As [`check`](Self::check). It is not part of the connecting, so that the first question need not wait for the
    /// answer.
    pub(super) async fn check_version(&self) -> Result<(), SystemdError> {
        if self.checked.get().is_some() {
            return Ok(());
        }
        let version = self
            .property(MANAGER, "Version")
            .await
            .map_err(|source| SystemdError::Connect { address: self.address.clone(), source })?;
        let version = String::try_from(version).unwrap_or_default();
        if let Some(version) = version::too_old(&version) {
            return Err(SystemdError::TooOld { version });
        }
        // Another question may have set it meanwhile.
        let _ = self.checked.set(());
        Ok(())
    }

    /// Reads a property of the manager.
    async fn property(&self, interface: &str, property: &str) -> zbus::Result<OwnedVariant> {
        let path = self.manager.inner().path().to_owned();
        let properties = PropertiesProxy::builder(&self.connection).path(path).build().await?;
        properties.get(interface, property).await
    }

    /// Returns the states of all units of conductor that are loaded, with one call.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn states(&self) -> Result<States, SystemdError> {
        Ok(states(&block_on(|| self.list())?))
    }

    pub(super) async fn list(&self) -> Result<Vec<ListedUnit>, SystemdError> {
        self.matching(&[&format!("{PREFIX}*")]).await
    }

    /// Lists some of the loaded units or, if these are many, all units of conductor.
    pub(super) async fn list_some(
        &self,
        units: &[&UnitName],
    ) -> Result<Vec<ListedUnit>, SystemdError> {
        // systemd compares each unit with each pattern. Names need no escaping, because it does not treat a
        // backslash as special.
        const FEW: usize = 8;
        match units {
            [] => self.check_version().await.map(|()| Vec::new()),
            units if units.len() > FEW => self.list().await,
            units => {
                self.matching(&units.iter().map(|unit| unit.as_str()).collect::<Vec<_>>()).await
            }
        }
    }

    async fn matching(&self, patterns: &[&str]) -> Result<Vec<ListedUnit>, SystemdError> {
        let (checked, units) = futures_util::join!(
            self.check_version(),
            self.manager.list_units_by_patterns(&[], patterns)
        );
        checked?;
        units.map_err(|source| SystemdError::Call { call: "ListUnitsByPatterns", source })
    }

    /// Reloads systemd if one of these units is stale as systemd has loaded it; `None` means all units of
    /// conductor. Returns whether it reloaded.
    ///
    /// A reload takes a tenth of a second on an empty host, and seconds on a full one.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn reload_if_stale(&self, changed: Option<&[UnitName]>) -> Result<bool, SystemdError> {
        if changed.is_some_and(<[_]>::is_empty) {
            return Ok(false);
        }
        block_on(async || {
            let held = self.list().await?;
            let concerned = held.into_iter().filter(|unit| {
                // The file of a template is that of its instances.
                let file = unit.name.parse::<UnitName>().map(|name| name.file());
                changed.is_none_or(|names| file.is_ok_and(|file| names.contains(&file)))
            });
            let concerned: Vec<_> = concerned.collect();
            // systemd does not report a unit that it could not load as stale, but it may load now.
            let mut stale = concerned
                .iter()
                .any(|unit| unit.load_state != "loaded" && unit.active_state != "inactive");
            let mut answers = stream::iter(&concerned)
                .map(|unit| self.get(&unit.path, UNIT, "NeedDaemonReload"))
                .buffer_unordered(CALLS_AT_A_TIME);
            while let Some(answer) = answers.next().await {
                stale |= answer?.is_some_and(|value| bool::try_from(value).unwrap_or(false));
            }
            if stale {
                let reload = self.manager.reload().await;
                reload.map_err(|source| SystemdError::Call { call: "Reload", source })?;
            }
            Ok(stale)
        })
    }

    /// Resets failed units, so that they are not listed after their removal. It is not an error if a unit is
    /// not loaded.
    pub fn reset_failed(&self, units: &[UnitName]) {
        block_on(async || {
            let calls =
                stream::iter(units).map(|unit| self.manager.reset_failed_unit(unit.as_str()));
            calls.buffer_unordered(CALLS_AT_A_TIME).for_each(|_| async {}).await;
        });
    }

    /// Returns the object path of a unit; `None` if it is not loaded.
    pub(super) async fn path(
        &self,
        unit: &UnitName,
    ) -> Result<Option<OwnedObjectPath>, SystemdError> {
        match self.manager.get_unit(unit.as_str()).await {
            Ok(path) => Ok(Some(path)),
            Err(zbus::Error::MethodError(..)) => Ok(None),
            Err(source) => Err(SystemdError::Call { call: "GetUnit", source }),
        }
    }

    /// Reads a property; `None` if the unit is gone, or its type does not have the property.
    pub(super) async fn get(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        property: &'static str,
    ) -> Result<Option<OwnedVariant>, SystemdError> {
        let answer = async {
            let properties = PropertiesProxy::builder(&self.connection).path(path).build().await?;
            properties.get(interface, property).await
        };
        match answer.await {
            Ok(value) => Ok(Some(value)),
            Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_)) => Ok(None),
            Err(source) => Err(SystemdError::Call { call: property, source }),
        }
    }
}

/// Returns the states in a list of units.
fn states(units: &[ListedUnit]) -> States {
    // A unit that is only referred to is `not-found` and inactive. A unit whose file was removed while it ran
    // is `not-found` and active.
    let held =
        |unit: &&ListedUnit| unit.load_state != "not-found" || unit.active_state != "inactive";
    let state = |unit: &ListedUnit| {
        let name = unit.name.parse().ok()?;
        Some((name, (ActiveState::from_property(&unit.active_state), unit.sub_state.clone())))
    };
    units.iter().filter(held).filter_map(state).collect()
}
