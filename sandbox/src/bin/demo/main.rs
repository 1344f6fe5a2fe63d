//! `cargo demo`: shows conductor on a real systemd, and checks every statement that it makes.
#![expect(clippy::print_stderr, reason = "a program prints its errors to standard error")]

mod failure;
mod operator;
mod options;
mod scenes;
mod screen;
mod services;
mod shell;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use failure::Failure;
use operator::Operator;
use options::{Options, Topic};
use screen::Screen;
use stage::Stage;

fn main() -> ExitCode {
    let screen = Screen::of_standard_output();
    let result = match Options::parse(std::env::args().skip(1)) {
        Ok(Options::Help) => screen.prints(options::HELP).map(|()| ExitCode::SUCCESS),
        Ok(Options::Story(topic)) => tell(&screen, topic).map(|()| ExitCode::SUCCESS),
        Ok(Options::Shell(topic)) => shell::open(&screen, topic),
        Err(wrong) => {
            eprintln!("cargo demo: {wrong}\nhint: cargo demo -- --help lists the options");
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|failure| {
        if !failure.nobody_reads() {
            eprintln!("{}", failure.to_text());
        }
        ExitCode::FAILURE
    })
}

fn tell(screen: &Screen, topic: Topic) -> Result<(), Failure> {
    let stage = Stage::set(screen, topic)?;
    let began = Instant::now();
    let operator = Operator::new(stage.sandbox(), screen);
    match topic {
        Topic::Services => scenes::play_all(&operator)?,
        Topic::Stack => scenes::stack::play(&operator)?,
    }
    let took = began.elapsed();
    let tree = stage.tree().display().to_string();
    let shell = match topic {
        Topic::Services => "--shell",
        Topic::Stack => "stack --shell",
    };
    stage.clear()?;
    screen.prints(&format!(
        "\nEverything above was checked as it was shown, in {:.1} s. The sandbox is gone: nothing of \
         it runs,\nand only the Debian it booted stays for next time, in {tree}.\n\
         Try it yourself: cargo demo -- {shell}",
        took.as_secs_f64()
    ))
}
