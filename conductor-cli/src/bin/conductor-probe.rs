//! The binary `conductor-probe`, so that the installation of one package gives both programs. Its code is the library
//! of the package `conductor-probe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    conductor_probe::main()
}
