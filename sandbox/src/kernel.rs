//! Whether the host's kernel takes BPF programs, which is what every seccomp filter is.
//!
//! Linux 6.18 was seen to lock up in freeing them, after tests had ended many sandboxed units: a
//! thousand items of one work queue waited for a lock that nobody let go of. From then on every
//! process that loads a program hangs; nothing short of a reboot is known to help. Sandboxes still boot there, without seccomp filters, and say so.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel may take for a program of one instruction.
const DEADLINE: Duration = Duration::from_secs(5);

/// Attaches a socket filter that lets everything pass; perl, because Debian always has it.
const ATTACH: &str = "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); \
                      my $filter = pack('SCCL', 6, 0, 0, 0xffff); \
                      setsockopt(S, 1, 26, pack('Sx6P', 1, $filter));";

/// Tries once to load a BPF program. A process that hangs in it cannot be killed and stays behind.
pub(crate) fn takes_bpf_programs() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(try_to_load)
}

fn try_to_load() -> bool {
    let mut command = Command::new("perl");
    command.args(["-e", ATTACH]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Where there is no perl nothing is known, and the usual is assumed.
    let Ok(mut child) = command.spawn() else { return true };
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}
