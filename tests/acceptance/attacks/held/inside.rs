//! Attempts of a compromised service, natively and as root in a container.

use std::fmt::Write as _;
use std::iter;

use conductor_sandbox::Engine;

use super::user::victim;
use crate::containers;
use crate::host::Host;

/// Tries everything in the list in its first argument, and prints what worked.
///
/// The list is Python: names and expressions. An attempt that raises, or returns false, did not work.
const TRY: &str = r#"
import ctypes, glob, json, os, signal, socket, struct, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)

def write(path):
    with open(path, "ab") as file:
        file.write(b"x")
    return True

def read(path):
    with open(path, "rb") as file:
        return file.read(1)

def call(function, *arguments):
    if getattr(libc, function)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function)
    return True

def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode == 0

def connect(path, kind=socket.SOCK_STREAM):
    socket.socket(socket.AF_UNIX, kind).connect(path)
    return True

# Sends a message to the kernel. Whatever it answers, other than that it is not permitted, counts as success.
def netlink(protocol, kind, body):
    to_kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    to_kernel.settimeout(10)
    # A request, with an answer.
    head = struct.pack("=LHHLL", 16 + len(body), kind, 5, 1, 0)
    to_kernel.sendto(head + body, (0, 0))
    error = struct.unpack("=i", to_kernel.recv(8192)[16:20])[0]
    return error != -1 and f"error {-error}"

def others():
    own = os.getuid()
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if os.stat(f"/proc/{pid}").st_uid != own]

worked = []
for name, attempt in json.load(open(sys.argv[1])):
    try:
        result = eval(attempt)
    except (OSError, AttributeError, ValueError, subprocess.TimeoutExpired):
        result = None
    if result:
        worked.append(f"{name}: {result!r}")
print("WORKED", json.dumps(worked), flush=True)
signal.pause()
"#;

/// Netlink sockets are allowed, because programs list interfaces with them. Each change needs a capability.
const NETLINK: [(&str, &str); 6] = [
    ("interface down", "netlink(0, 16, struct.pack('=BxHiII', 0, 0, 1, 0, 1))"),
    (
        "another address",
        "netlink(0, 20, struct.pack('=BBBBIHHI', 2, 8, 0, 0, 1, 8, 2, 0x0900007f))",
    ),
    ("another route", "netlink(0, 24, struct.pack('=8BI', 2, 0, 0, 0, 254, 3, 0, 1, 0))"),
    ("packet filter", "netlink(12, 0x0a00, struct.pack('=BBH', 2, 0, 0))"),
    ("audit", "netlink(9, 1001, bytes(44))"),
    (
        "device event",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15).sendto(b'add@/eve', (0, 2))",
    ),
];

/// Runs attempts in a unit with default settings, and returns those that worked.
#[track_caller]
fn worked(host: &Host, attempts: &[(String, String)]) -> Vec<String> {
    host.write("/srv/try.py", TRY);
    host.write("/srv/try.json", &serde_json::json!(attempts).to_string());
    host.sh("chmod 755 /srv; chmod 644 /srv/try.*");
    host.define(
        "mallory.yaml",
        "id: mallory\ncommand: [/usr/bin/python3, /srv/try.py, /srv/try.json]\n",
    );
    host.apply();
    let logs = || host.conductor(&["logs", "--id", "mallory"]).exits(0).stdout;
    let line = |text: &str| {
        let line = text.lines().find_map(|line| line.split_once("WORKED "));
        line.map(|(_, worked)| serde_json::from_str(worked).expect("a list"))
    };
    host.eventually("everything was tried", |_| line(&logs()).is_some());
    line(&logs()).unwrap_or_default()
}

pub(super) fn native(host: &Host) {
    let (unit, pid) = victim(host);
    host.sh("mkdir -p /srv/open && chmod 777 /srv/open && touch /srv/open/file && chmod 666 /srv/open/file");
    host.sh("systemctl start docker.socket 2>/dev/null || true");
    let mut attempts = Vec::new();
    let mut attempt = |name: &str, what: String| attempts.push((name.to_owned(), what));
    // Even where its user, or everybody, can write.
    for path in [
        "/srv/open/file",
        "/srv/open/new",
        "/etc/conductor/services/mallory.yaml",
        "/etc/systemd/system/conductor-mallory.target",
        "/etc/passwd",
        "/usr/bin/conductor",
        "/run/conductor/lock",
        "/run/conductor/new",
        "/run/systemd/system/new.service",
        "/var/lib/conductor/new",
        "/dev/shm/../../run/new",
        "/root/new",
        "/home/operator/new",
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/dev/mem",
        "/dev/kmsg",
    ] {
        attempt(&format!("write {path}"), format!("write({path:?})"));
    }
    for path in [
        "/etc/shadow".to_owned(),
        "/etc/victim/key".to_owned(),
        format!("/run/credentials/{unit}/key"),
        format!("/proc/{pid}/environ"),
        format!("/proc/{pid}/cmdline"),
        format!("/proc/{pid}/maps"),
        format!("/proc/{pid}/root/etc/passwd"),
        "/proc/1/environ".to_owned(),
        "/root/.profile".to_owned(),
        "/home/operator/.profile".to_owned(),
        "/dev/kmsg".to_owned(),
        "/proc/kmsg".to_owned(),
        "/run/conductor/lock".to_owned(),
    ] {
        attempt(&format!("read {path}"), format!("read({path:?})"));
    }
    attempt("see the processes of others", "others()".to_owned());
    attempt("list", "os.listdir('/home') + os.listdir('/root')".to_owned());
    attempt("credentials of others", "os.listdir('/run/credentials')".to_owned());
    for (name, what) in [
        ("signal", format!("os.kill({pid}, 0) is None")),
        ("signal systemd", "os.kill(1, 0) is None".to_owned()),
        ("end", format!("os.kill({pid}, 9) is None")),
        ("trace", format!("call('ptrace', 16, {pid}, 0, 0)")),
        ("priority", format!("os.setpriority(os.PRIO_PROCESS, {pid}, 19) is None")),
        (
            "move",
            "write(glob.glob('/sys/fs/cgroup/**/cgroup.procs', recursive=True)[0])".to_owned(),
        ),
        ("become root", "os.setuid(0) is None and os.geteuid() == 0".to_owned()),
        ("become another", "os.setresuid(1000, 1000, 1000) is None".to_owned()),
        ("sudo", "run('/usr/bin/su', '-c', 'true')".to_owned()),
        ("mount", "call('mount', b'none', b'/tmp', b'tmpfs', 0, None)".to_owned()),
        ("unmount", "call('umount2', b'/tmp', 2)".to_owned()),
        ("new namespaces", "call('unshare', 0x10000000) or call('unshare', 0x20000)".to_owned()),
        ("root directory", "os.chroot('/tmp') is None".to_owned()),
        ("device", "os.mknod('/tmp/device', 0o60600, os.makedev(8, 0)) is None".to_owned()),
        ("set-user-ID", "open('/tmp/s', 'w') and os.chmod('/tmp/s', 0o4755) is None".to_owned()),
        ("raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)".to_owned()),
        ("packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)".to_owned()),
        ("clock", "call('settimeofday', ctypes.c_buffer(16), None)".to_owned()),
        ("reboot", "call('syscall', 169, 0xfee1dead, 672274793, 0, None)".to_owned()),
        ("module", "call('syscall', 175, 0, 0, b'')".to_owned()),
        ("host name", "call('sethostname', b'mallory', 7)".to_owned()),
        ("docker", "connect('/run/docker.sock')".to_owned()),
        ("podman", "connect('/run/podman/podman.sock')".to_owned()),
        ("systemd's own socket", "connect('/run/systemd/private')".to_owned()),
        ("stop over D-Bus", format!("run('systemctl', '--no-ask-password', 'stop', '{unit}')")),
        ("kill over D-Bus", format!("run('systemctl', '--no-ask-password', 'kill', '{unit}')")),
        ("reload over D-Bus", "run('systemctl', '--no-ask-password', 'daemon-reload')".to_owned()),
        ("run over D-Bus", "run('systemd-run', '--no-ask-password', 'true')".to_owned()),
        ("conductor", "run('conductor', 'remove', '--id', 'victim')".to_owned()),
        ("one-off", "run('conductor', 'run', '--id', 'victim', 'true')".to_owned()),
    ] {
        attempt(name, what);
    }
    for (name, what) in NETLINK {
        attempt(name, what.to_owned());
    }
    // Allowed actions work, so the others do not fail for another reason.
    let allowed = "write('/tmp/own') and socket.if_nameindex() and read('/tmp/own')";
    attempt("allowed", allowed.to_owned());
    // It can write where everybody can: Debian excludes these from `ProtectSystem=`.
    let shared = ["/run/lock/mallory", "/dev/shm/mallory"];
    for path in shared {
        attempt(&format!("write {path}"), format!("write({path:?})"));
    }
    let shared = shared.map(|path| format!("write {path}: True"));
    let allowed: Vec<_> = iter::once("allowed: b'x'".to_owned()).chain(shared).collect();
    assert_eq!(worked(host, &attempts), allowed);
    assert_eq!(host.running("victim"), [(unit, pid)]);
    assert!(!host.path("/tmp/own").exists(), "its /tmp is that of the host");
    assert_eq!(host.instances().len(), 2);
    host.sh("rm -f /run/lock/mallory /dev/shm/mallory");
}

/// Lines of a shell script in a container, each of which must fail.
const INSIDE: [&str; 23] = [
    "echo x >/data/file",
    "touch /data/new",
    "mount -o remount,rw /data",
    "mount -t tmpfs none /mnt",
    "umount /data",
    "ls /run/conductor /run/conductor-probe",
    "ls /etc/conductor",
    "test -e /run/systemd/notify",
    "test -e /run/systemd/private",
    "test -e /run/docker.sock || test -e /var/run/docker.sock",
    "test -e /run/podman/podman.sock",
    "test -e /run/dbus/system_bus_socket",
    "test -S \"$NOTIFY_SOCKET\"",
    "cat /run/credentials/*/key",
    "cat /run/secrets/key",
    "echo x >/proc/sys/kernel/core_pattern",
    "echo h >/proc/sysrq-trigger",
    "echo $$ >/sys/fs/cgroup/cgroup.procs && mkdir /sys/fs/cgroup/eve",
    "chroot /proc/1/root test -e /etc/conductor",
    "test -e /proc/1/root/etc/conductor",
    "hostname eve",
    "cat /dev/mem",
    "dmesg",
];

pub(super) fn container(host: &Host, engine: Engine) {
    let (unit, pid) = victim(host);
    host.write("/srv/data/file", "of the host\n");
    // As root inside, the most powerful user.
    let rest = "user: root\nvolumes: ['/srv/data:/data:ro']\ncommand: [sleep, 1d]\n";
    let names = containers::start(host, engine, rest);
    let program = engine.program();
    let mut script = "test $(id -u) = 0 && test -e /data/file || exit 9\n".to_owned();
    for line in INSIDE {
        let _ =
            writeln!(script, "( {line} ) >/dev/null 2>&1 </dev/null && cat <<'END'\n{line}\nEND");
    }
    // It can signal only its own processes.
    script.push_str(
        "for p in /proc/[0-9]*; do grep -q conductor-victim $p/cgroup && echo $p; done\necho end",
    );
    host.write("/srv/inside.sh", &script);
    let ran = host.sh(&format!("{program} exec -i {} sh </srv/inside.sh 2>/dev/null", names[0]));
    assert_eq!(ran, "end");
    assert_eq!(host.sh("cat /srv/data/file; ls /srv/data"), "of the host\nfile");
    assert_eq!(host.running("victim"), [(unit, pid)]);
    // A default container lacks some capabilities.
    let all = host
        .sh(&format!("{program} exec {} grep -E 'CapBnd|Seccomp:' /proc/self/status", names[0]));
    assert!(!all.contains("1ffffffffff"), "{all}");
}
