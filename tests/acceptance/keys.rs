//! The keys that say how the processes of a service run, observed from inside.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{definition, start};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_has_every_key", |host| containers(host, Engine::Docker)),
    ("podman_has_every_key", |host| containers(host, Engine::Podman)),
    ("native_has_its_keys", native),
];

/// Every key that a sandbox can show. The program is process 1, so that it gets the signal itself.
const KEYS: &str = r#"
command: [sh, -c, 'trap "echo got QUIT; exit 0" QUIT; echo started; while :; do sleep 0.1; done']
health: {command: [test, '!', -e, /scratch/sick], interval: 200ms, timeout: 5s, retries: 1}
deploy: {stop_timeout: 20s}
user: "1000:1234"
group_add: [4321]
working_dir: /home
hostname: web-1.example
init: false
stop_signal: QUIT
ulimits: {nofile: 4096, core: {soft: 0, hard: -1}}
extra_hosts: ["db.example:10.9.8.7", "up.example:host-gateway"]
dns: [10.9.8.6]
dns_search: [internal.example]
tmpfs: ["/scratch:size=1m,mode=1777"]
read_only: true
security_opt: ["no-new-privileges:true"]
devices: ["/dev/null:/dev/other:rw"]
shm_size: 8M
sysctls: {net.core.somaxconn: 321}
ipc: shareable
tty: true
labels: {com.example.revision: "is {revision}"}
options: [--cgroupns=host]
env: {discovery.type: single-node}
volumes: ["/srv/a b:/data/c d:ro,rslave", "kept:/kept:z"]
limits: {oom_score_adjust: 321}
cron:
  own:
    schedule: '@yearly'
    command: [sh, -c, 'echo $(hostname) $(id -u):$(id -g) $(pwd) $(ulimit -n); test -t 1 || echo no terminal']
"#;

/// What the container says, and a command that makes it say so.
const INSIDE: [(&str, &str); 20] = [
    ("1000 1234", "echo $(id -u) $(id -g)"),
    ("4321", "id -G | tr ' ' '\\n' | grep 4321"),
    ("/home", "pwd"),
    ("web-1.example", "hostname"),
    ("sh", "cat /proc/1/comm"),
    ("4096 4096", "awk '/Max open files/ {print $4, $5}' /proc/1/limits"),
    ("0 unlimited", "awk '/Max core file/ {print $5, $6}' /proc/1/limits"),
    ("10.9.8.7", "awk '/db.example/ {print $1}' /etc/hosts"),
    ("yes", "grep -q up.example /etc/hosts && echo yes"),
    ("10.9.8.6", "awk '$1 == \"nameserver\" {print $2}' /etc/resolv.conf"),
    ("internal.example", "awk '$1 == \"search\" {print $2}' /etc/resolv.conf"),
    ("wrote", "touch /scratch/x && echo wrote"),
    ("only there", "touch /tmp/x 2>/dev/null || touch /run/x 2>/dev/null || echo only there"),
    ("1", "awk '/NoNewPrivs/ {print $2}' /proc/1/status"),
    ("wrote", "echo x >/dev/other && echo wrote"),
    ("8192", "df -k /dev/shm | awk 'END {print $2}'"),
    ("321", "cat /proc/sys/net/core/somaxconn"),
    ("321", "cat /proc/1/oom_score_adj"),
    ("discovery.type=single-node", "tr '\\0' '\\n' </proc/1/environ | grep discovery"),
    ("content", "cat '/data/c d/file'"),
];

fn containers(host: &Host, engine: Engine) {
    let program = engine.program();
    let has_all = !host.sh(&format!("{program} --version")).contains("Docker version 20.");
    // The runc of docker 20.10 insists on capabilities that a sandbox does not have.
    let privileged = format!("privileged: {has_all}\n");
    let host_of = "command: [sleep, 1d]\npid: host\nuserns: host\nipc: host\n";
    let privileged = definition(engine, &format!("{host_of}{privileged}"));
    host.define("other.yaml", &privileged.replace("id: web", "id: other"));
    host.write("/srv/a b/file", "content\n");
    let names = start(host, engine, KEYS);
    host.is_converged();
    let inside = |name: &str, script: &str| {
        host.sh(&format!("{program} exec {name} sh -c {}", quoted(script)))
    };
    for (expected, script) in INSIDE {
        assert_eq!(inside(&names[0], script), expected, "{script}");
    }
    // What the host mounts later is seen.
    host.sh(
        "mkdir '/srv/a b/late'; mount -t tmpfs none '/srv/a b/late'; touch '/srv/a b/late/file'",
    );
    assert_eq!(inside(&names[0], "ls '/data/c d/late'"), "file");
    host.sh("umount '/srv/a b/late'");
    let terminal = inside(&names[0], "readlink /proc/1/fd/1");
    assert!(terminal.starts_with("/dev/pts/"), "{terminal}");
    let group = inside(&names[0], "cat /proc/1/cgroup");
    assert!(group.contains("conductor"), "{group}");
    let label = "{{ index .Config.Labels \"com.example.revision\" }}";
    assert_eq!(host.sh(&format!("{program} inspect --format '{label}' {}", names[0])), "is v1");
    // Its output has a terminal, and is in the journal all the same.
    host.eventually("the program says that it started", |host| {
        host.conductor(&["logs", "--id", "web"]).stdout.contains("started")
    });
    // An unhealthy one gets the signal, and so does one that is stopped.
    let ends = |host: &Host| {
        host.conductor(&["logs", "--id", "web", "--lines", "1000"])
            .stdout
            .matches("got QUIT")
            .count()
    };
    inside(&names[0], "touch /scratch/sick");
    host.eventually("it was asked to end", |host| ends(host) == 1);
    host.eventually("it runs again", |host| host.running("web").len() == 1);
    let unit = format!("{}.service", names[0]);
    host.sh(&format!("systemctl stop '{unit}'"));
    assert_eq!(host.property(&unit, "ActiveState"), "inactive");
    host.eventually("it was asked to end again", |host| ends(host) == 2);
    let job = host.conductor(&["cron", "run-now", "--id", "web", "own"]).exits(0);
    job.says("web-1.example 1000:1234 /home 4096").says("no terminal");
    let run = host.conductor(&["run", "--id", "web", "cat", "/etc/resolv.conf"]).exits(0);
    run.says("internal.example");
    // The other one has everything of the host.
    let other = host.running("other").remove(0).0;
    let other = other.trim_end_matches(".service");
    let all = host.sh("awk '/CapBnd/ {print $2}' /proc/self/status");
    let has = inside(other, "awk '/CapEff/ {print $2}' /proc/self/status");
    assert_eq!(has == all, has_all, "{has} of {all}");
    assert_eq!(inside(other, "cat /proc/1/comm"), "systemd");
    assert_eq!(inside(other, "readlink /proc/self/ns/ipc"), host.sh("readlink /proc/self/ns/ipc"));
    host.conductor(&["remove", "--all"]).exits(0);
}

/// Returns a text as one word for a shell.
fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', "'\\''"))
}

fn native(host: &Host) {
    let script = "trap 'echo got QUIT; exit 0' QUIT; echo $(pwd) $(ulimit -n) $(ulimit -Hc) $(id -Gn); \
                  touch /mnt/x && echo wrote; cat '/opt/c d/file' /proc/self/oom_score_adj; while :; do sleep 0.1; done";
    let command = serde_json::json!(["/bin/sh", "-c", script]);
    host.write("/srv/a b/file", "content\n");
    host.define(
        "web.yaml",
        &format!(
            "id: web\ncommand: {command}\ngroup_add: [mail]\nworking_dir: /usr/share\nstop_signal: QUIT\n\
             ulimits: {{nofile: 4096, core: {{soft: 0, hard: -1}}}}\ntmpfs: ['/mnt:size=1m']\n\
             volumes: ['/srv/a b:/opt/c d:ro']\nlimits: {{oom_score_adjust: 321, cpu_weight: 200, cpuset: 0, \
             memory_high: 900M, io_weight: 50, io_read_bps: {{/dev/null: 10M}}}}\n\
             devices: ['/dev/full:r', /dev/fuse]\nread_only: true\ndeploy: {{stop_timeout: 20s}}\n\
             health: {{command: [/usr/bin/true]}}\n\
             cron: {{own: {{schedule: '@yearly', command: [/bin/sh, -c, 'echo $(pwd) $(id -un):$(id -gn)'], \
             user: 'daemon:staff'}}}}\n"
        ),
    );
    host.apply();
    let (unit, _) = host.running("web").remove(0);
    let said = |text: &str| {
        host.eventually(text, |host| {
            host.conductor(&["logs", "--id", "web"]).stdout.contains(text)
        });
    };
    said("/usr/share 4096 unlimited");
    said(" mail");
    said("wrote");
    said("content");
    said("321");
    assert!(!host.path("/mnt/x").exists());
    for (property, value) in [
        ("DevicePolicy", "closed"),
        ("DeviceAllow", "/dev/full r, /dev/fuse rwm"),
        ("PrivateDevices", "no"),
        ("KillSignal", "3"),
        ("CPUWeight", "200"),
        ("AllowedCPUs", "0"),
        ("MemoryHigh", "943718400"),
        ("IOWeight", "50"),
        ("IOReadBandwidthMax", "/dev/null 10485760"),
    ] {
        let found = host.property(&unit, property);
        // ProtectClock= allows the first one.
        let mut lines: Vec<_> = found.lines().filter(|line| *line != "char-rtc r").collect();
        lines.sort_unstable();
        assert_eq!(lines.join(", "), value, "{property}");
    }
    host.conductor(&["cron", "run-now", "--id", "web", "own"])
        .exits(0)
        .says("/usr/share daemon:staff");
    host.sh(&format!("systemctl stop '{unit}'"));
    assert_eq!(host.property(&unit, "Result"), "success");
    said("got QUIT");
    host.conductor(&["remove", "--all"]).exits(0);
    host.define("web.yaml", "id: web\ncommand: [/bin/sleep, infinity]\ngroup_add: [nobodys]\n");
    host.conductor(&["apply"]).exits(1).complains("is there a group nobodys\n");
}
