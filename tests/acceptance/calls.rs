//! Records the D-Bus calls to systemd.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::host::Host;

/// The calls that change systemd's state.
const CHANGES: [&str; 14] = [
    "StartUnit",
    "StopUnit",
    "RestartUnit",
    "ReloadUnit",
    "TryRestartUnit",
    "KillUnit",
    "Reload",
    "Reexecute",
    "ResetFailed",
    "ResetFailedUnit",
    "EnableUnitFiles",
    "DisableUnitFiles",
    "StartTransientUnit",
    "SetUnitProperties",
];

/// A running recording.
pub(crate) struct Calls<'h> {
    host: &'h Host,
    monitor: Child,
    heard: Arc<Mutex<String>>,
}

impl<'h> Calls<'h> {
    /// Starts a recording.
    pub(crate) fn record(host: &'h Host) -> Self {
        let rule = "type='method_call',destination='org.freedesktop.systemd1'";
        let mut command = host.sandbox.command("stdbuf");
        command.args(["-oL", "dbus-monitor", "--system", "--profile", rule]);
        let mut monitor = command.stdout(Stdio::piped()).spawn().expect("dbus-monitor");
        let mut stdout = monitor.stdout.take().expect("it is a pipe");
        let heard = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&heard);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                written.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let calls = Self { host, monitor, heard };
        calls.settle("begin");
        calls
    }

    /// Makes calls until one of them is recorded; then all earlier calls were recorded, too.
    fn settle(&self, word: &str) {
        let sentinel = format!("/{word}/of/the/recording");
        self.host.eventually("dbus-monitor hears calls", |host| {
            let peer = "org.freedesktop.systemd1";
            host.sh(&format!(
                "busctl call {peer} {sentinel} org.freedesktop.DBus.Peer Ping || true"
            ));
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(&sentinel)
        });
    }

    /// Ends the recording and returns, in order, the calls that change something.
    pub(crate) fn end(self) -> Vec<String> {
        let members = self.end_with_paths().into_iter().map(|(_, member)| member);
        members.filter(|member| CHANGES.contains(&member.as_str())).collect()
    }

    /// Ends the recording and returns, in order, the path and the member of each call.
    pub(crate) fn end_with_paths(mut self) -> Vec<(String, String)> {
        self.settle("end");
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // mc, time, serial, sender, destination, path, interface, member
        let call = |line: &str| {
            let mut words = line.split('\t').skip(5).map(str::to_owned);
            Some((words.next()?, words.nth(1)?))
        };
        heard.lines().filter_map(call).collect()
    }
}
