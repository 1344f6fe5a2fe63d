//! Checks whether the host's kernel can load BPF programs, which seccomp filters are.
//!
//! Linux 6.18 was seen to lock up when it frees them, after tests had ended many sandboxed units: a thousand
//! items of one work queue waited for a lock that was never released. From then on, every process that loads
//! a program hangs, and only a reboot helps. Sandboxes still boot there, without seccomp filters, and print
//! that.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel may take to load a program of one instruction.
const DEADLINE: Duration = Duration::from_secs(5);

/// Attaches a socket filter that accepts everything. Perl, because Debian always has it.
const ATTACH: &str = "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); \
                      my $filter = pack('SCCL', 6, 0, 0, 0xffff); \
                      setsockopt(S, 1, 26, pack('Sx6P', 1, $filter));";

/// Tries once to load a BPF program. A process that hangs in it cannot be killed, and is left.
pub(crate) fn takes_bpf_programs() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(try_to_load)
}

fn try_to_load() -> bool {
    let mut command = Command::new("perl");
    command.args(["-e", ATTACH]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Without perl, assume that it works.
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
