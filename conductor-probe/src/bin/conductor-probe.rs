//! The binary `conductor-probe`. Its code is in the library, which only fuzzing uses as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    conductor_probe::main()
}
