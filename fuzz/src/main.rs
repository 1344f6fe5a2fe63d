//! `conductor-fuzz smoke [SECONDS]` runs each target for some seconds, and `conductor-fuzz run TARGET FILE...` runs
//! one with the content of files. Both end with 1 if something is not well.
//!
//! A target has a process of its own, which writes each input down before it tries it: whatever ends that
//! process, a stack overflow and a loop among them, the input is known.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for developers")]

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conductor_fuzz::mutate::Mutator;
use conductor_fuzz::{TARGETS, Target, seeds};

const USAGE: &str =
    "usage: conductor-fuzz smoke [SECONDS]\n       conductor-fuzz run TARGET FILE...";
/// How long a target is run unless it is said.
const SECONDS: u64 = 4;
/// How many seconds one input may take. It is a hundred times of what the slowest takes, on a slow machine.
const PATIENCE: u64 = 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["smoke"] => smoke(SECONDS),
        ["smoke", seconds] if seconds.parse::<u64>().is_ok() => {
            smoke(seconds.parse().unwrap_or(SECONDS))
        }
        ["run", name, ref files @ ..] => match find(name) {
            Some(target) => run(target, files),
            None => return usage(),
        },
        ["work", name, seconds, number, current] => {
            match (find(name), seconds.parse(), number.parse()) {
                (Some(target), Ok(seconds), Ok(number)) => {
                    work(target, Duration::from_secs(seconds), number, Path::new(current))
                }
                _ => return usage(),
            }
        }
        _ => return usage(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conductor-fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    let names = TARGETS.map(|(name, _)| name).join(", ");
    eprintln!("{USAGE}\ntargets: {names}");
    ExitCode::from(2)
}

fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|(known, _)| *known == name)
}

fn run((_, target): Target, files: &[&str]) -> io::Result<bool> {
    for file in files {
        target(&fs::read(file)?);
    }
    Ok(true)
}

/// Runs all targets, as many at a time as there are processors, and says which are well.
fn smoke(seconds: u64) -> io::Result<bool> {
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let outcomes = thread::scope(|scope| {
        let worker = || {
            let mut outcomes = Vec::new();
            while let Some((name, _)) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                outcomes.push(supervise(name, seconds));
            }
            outcomes
        };
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default());
        ended.collect::<Vec<_>>()
    });
    // One that was never run is none that is well.
    let all = outcomes.len() == TARGETS.len();
    let well = outcomes.into_iter().collect::<io::Result<Vec<_>>>()?;
    Ok(all && well.into_iter().all(|well| well))
}

/// Runs one target in a process of its own.
fn supervise(name: &str, seconds: u64) -> io::Result<bool> {
    let current = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["work", name, &seconds.to_string(), "1"]).arg(current.path());
    let status = command.env("RUST_BACKTRACE", "0").status()?;
    if status.success() {
        return Ok(true);
    }
    let input = fs::read(current.path())?;
    let file = keep(name, &input)?;
    eprintln!(
        "{name} is not well ({status}). Again: cargo run --package conductor-fuzz -- run {name} {}",
        file.display()
    );
    Ok(false)
}

/// Keeps an input at which a target failed.
fn keep(name: &str, input: &[u8]) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    hasher.write(input);
    let directory = seeds::directory().join("artifacts").join(name);
    fs::create_dir_all(&directory)?;
    let file = directory.join(format!("{:016x}", hasher.finish()));
    fs::write(&file, input)?;
    Ok(file)
}

/// Tries seeds, and then what becomes of them, until the time is up.
fn work((name, target): Target, time: Duration, number: u64, current: &Path) -> io::Result<bool> {
    static TRIED: AtomicU64 = AtomicU64::new(0);
    let current = File::options().write(true).open(current)?;
    thread::spawn(|| {
        let mut before = u64::MAX;
        loop {
            let tried = TRIED.load(Ordering::Relaxed);
            if tried == before {
                eprintln!("no end within {PATIENCE} s");
                process::abort();
            }
            before = tried;
            thread::sleep(Duration::from_secs(PATIENCE));
        }
    });
    let began = Instant::now();
    let attempt = |input: &[u8]| -> io::Result<()> {
        current.set_len(u64::try_from(input.len()).unwrap_or(u64::MAX))?;
        current.write_all_at(input, 0)?;
        target(input);
        TRIED.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let seeds: Vec<_> = seeds::of(name)?.into_iter().map(|(_, seed)| seed).collect();
    for seed in &seeds {
        attempt(seed)?;
    }
    let mut mutator = Mutator::new(number, seeds, seeds::dictionary()?);
    while began.elapsed() < time {
        attempt(&mutator.input())?;
    }
    println!("{name}: {} inputs", TRIED.load(Ordering::Relaxed));
    io::stdout().flush()?;
    Ok(true)
}
