//! The services that are compiled, and the same for Quadlet.

use std::env;
use std::fs;
use std::path::Path;

/// Returns whether each measurement runs only once, to see that it works: as Criterion does without cargo's
/// `--bench`.
pub(crate) fn is_trial() -> bool {
    !env::args().any(|argument| argument == "--bench")
}

/// Returns how many services there are in each measurement.
pub(crate) fn sizes() -> &'static [usize] {
    if is_trial() { &[1] } else { &[1, 100, 1000, 5000] }
}

/// Returns the file name and the text of a typical definition.
pub(crate) fn definition(number: usize) -> (String, String) {
    let text = format!(
        "id: service-{number:04}\n\
         description: Service number {number}\n\
         command: [/usr/bin/sleep, infinity]\n\
         env: {{RAILS_ENV: production, WORKERS: 4}}\n\
         limits: {{memory: 512M, cpu: 1.5, pids: 256}}\n"
    );
    (format!("service-{number:04}.yaml"), text)
}

/// Returns the same without directives that need seccomp filters: a default unit has dozens, and Linux 6.18
/// can lock up when those of a thousand units are freed at once.
pub(crate) fn unfiltered(number: usize) -> (String, String) {
    let (file, mut text) = definition(number);
    text.push_str("systemd:\n  Service:\n    SystemCallFilter: \"\"\n");
    for directive in ["SystemCallArchitectures", "RestrictAddressFamilies"] {
        text.extend(["    ", directive, ": \"\"\n"]);
    }
    for directive in [
        "LockPersonality",
        "PrivateDevices",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ] {
        text.extend(["    ", directive, ": false\n"]);
    }
    (file, text)
}

/// Returns the name and text of the same service for Quadlet, which has no key for CPU.
pub(crate) fn container(number: usize) -> (String, String) {
    let text = format!(
        "[Unit]\nDescription=Service number {number}\n\n\
         [Container]\nImage=registry.example/service:1\nExec=/usr/bin/sleep infinity\n\
         Environment=RAILS_ENV=production\nEnvironment=WORKERS=4\n\
         PodmanArgs=--memory=512m --cpus=1.5\nPidsLimit=256\n\n\
         [Service]\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    (format!("service-{number:04}.container"), text)
}

/// Writes files into a new directory.
pub(crate) fn fill(directory: &Path, count: usize, file: fn(usize) -> (String, String)) {
    fs::create_dir_all(directory).expect("a directory for the fixture");
    for number in 0..count {
        let (name, text) = file(number);
        fs::write(directory.join(name), text).expect("a file of the fixture");
    }
}
