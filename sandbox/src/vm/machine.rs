//! One run of QEMU, from power on to power off, and the talk with the agent in it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use super::disk::Disk;
use crate::error::Error;

/// How long the machine may say nothing: a boot takes half a minute, and more on a busy host, where what
/// is started at boot has to become healthy, too.
const DEADLINE: Duration = Duration::from_mins(10);

/// How much of the console an error shows; all of it is some 300 lines.
const CONSOLE_LINES: usize = 60;

/// The kernel's command line. A login on the console would wait for its device for 90 s. A kernel that
/// panics reboots, which ends QEMU. Guards against other tenants cost an emulated processor much.
const KERNEL: &str = "root=/dev/nvme0n1 rw rootwait console=ttyS0 panic=-1 mitigations=off \
                      systemd.mask=serial-getty@ttyS0.service";

/// The disk, every answered write of which is in its file. With a cache that the guest is to flush, QEMU
/// 7.2 keeps the file's tables to itself even for a write that says it must not (FUA), as a commit of
/// ext4's journal does: after a power cut, what had been synced was gone. The power of the host stays on,
/// so its disk need not be waited for.
const DRIVE: &str = "if=none,id=root,format=qcow2,file=disk.qcow2,\
                     cache.writeback=off,cache.no-flush=on";

/// A running QEMU; dropping it ends it and removes its directory.
#[derive(Debug)]
pub(super) struct Machine {
    /// Ends QEMU when its standard input says `keep` or is closed.
    supervisor: Child,
    agent: BufReader<UnixStream>,
}

impl Machine {
    /// Turns a machine on whose disk is `disk.qcow2` in this directory.
    pub(super) fn start(disk: &Disk, directory: &Path) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(DEADLINE))?;
        ours.set_write_timeout(Some(DEADLINE))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("supervise.sh")])
            .arg(directory)
            .arg("qemu-system-x86_64")
            .args(processor())
            .args(["-machine", "q35", "-m", "1280M", "-no-reboot"])
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-append", KERNEL, "-kernel"])
            .arg(&disk.kernel)
            .args(["-drive", DRIVE])
            .args(["-device", "nvme,drive=root,serial=root"])
            .args(["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial-pci"])
            .args(["-device", "virtserialport,chardev=agent,name=agent"])
            .args(["-chardev", "file,id=console,path=console,append=on"])
            .args(["-serial", "chardev:console"])
            .current_dir(directory)
            // A Ctrl-C at the owner's terminal must not end the supervisor before it has tidied up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::null());
        Ok(Self { supervisor: command.spawn()?, agent: BufReader::new(ours) })
    }

    /// Waits until the machine's systemd has started everything.
    pub(super) fn wait_until_up(&mut self) -> io::Result<()> {
        match self.line()?.as_str() {
            "up" => Ok(()),
            other => Err(strange(other)),
        }
    }

    /// Runs a script in the machine, with `length` bytes of `input` as its standard input.
    pub(super) fn run(
        &mut self,
        script: &str,
        input: &mut dyn Read,
        length: u64,
    ) -> io::Result<Output> {
        self.send(script, input, length)?;
        let line = self.line()?;
        let numbers: Option<Vec<u32>> = line.split(' ').map(|word| word.parse().ok()).collect();
        let &[status, stdout_length, stderr_length] = numbers.as_deref().unwrap_or_default() else {
            return Err(strange(&line));
        };
        let status = i32::try_from(status).map_err(|_| strange(&line))?;
        let (stdout, stderr) = (self.bytes(stdout_length)?, self.bytes(stderr_length)?);
        // What a shell says of a process that a signal ended stays a number above 128.
        Ok(Output { status: ExitStatus::from_raw(status << 8), stdout, stderr })
    }

    /// Shuts the machine down in an orderly way.
    pub(super) fn shut_down(&mut self) -> io::Result<()> {
        self.send("systemctl reboot", &mut io::empty(), 0)?;
        // There may be an answer before the end.
        io::copy(&mut self.agent, &mut io::sink())?;
        Ok(())
    }

    /// Cuts the machine's power, if it still has any, and keeps its disk.
    pub(super) fn cut(mut self) -> io::Result<()> {
        if let Some(mut orders) = self.supervisor.stdin.take() {
            orders.write_all(b"keep\n")?;
        }
        self.supervisor.wait()?;
        Ok(())
    }

    fn send(&mut self, script: &str, input: &mut dyn Read, length: u64) -> io::Result<()> {
        let agent = self.agent.get_mut();
        write!(agent, "{} {length}\n{script}", script.len())?;
        let sent = io::copy(&mut input.take(length), agent)?;
        if sent == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.agent.read_line(&mut line)?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn bytes(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.agent.by_ref().take(length.into()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Waiting closes the supervisor's standard input first, which tells it to end.
        let _ = self.supervisor.wait();
    }
}

/// Returns what an error says of a machine that is not as it should be, with the end of its console.
pub(super) fn silent(directory: &Path, source: io::Error) -> Error {
    let console = fs::read(directory.join("console")).unwrap_or_default();
    let console = String::from_utf8_lossy(&console);
    let lines: Vec<&str> = console.lines().collect();
    let end = lines.len().saturating_sub(CONSOLE_LINES);
    Error::Silent { console: lines[end..].join("\n"), source }
}

fn strange(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the agent says {line:?}"))
}

/// Chooses KVM where it works. A `/dev/kvm` on a processor that says nothing of virtualization was seen
/// to take a machine and to stop it at an instruction of its boot loader.
///
/// Emulated, a processor of few features is the fastest; this one has those of x86-64-v2.
fn processor() -> [&'static str; 6] {
    let device = File::options().read(true).write(true).open("/dev/kvm");
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let virtualizes = information.split_whitespace().any(|flag| matches!(flag, "vmx" | "svm"));
    if device.is_ok() && virtualizes {
        ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
    } else {
        // A second emulated processor may run into the first one's change of the kernel's code: a guest
        // was seen to stop at boot, at a breakpoint of its own that was taken back meanwhile.
        ["-accel", "tcg", "-cpu", "Nehalem", "-smp", "1"]
    }
}
