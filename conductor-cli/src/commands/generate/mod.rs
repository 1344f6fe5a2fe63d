//! `conductor generate`: writes man pages and completions, for packages and for whoever installs with cargo.

mod manual;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};
use conductor_host::system::{make_directories, write_textfile};

use crate::args::Arguments;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sudo conductor generate /usr/local/share")]
pub(crate) struct Generate {
    /// The directory, such as /usr/local/share; it gets man, bash-completion, zsh and fish
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

pub(crate) fn run(
    context: &Context,
    Generate { directory }: &Generate,
) -> Result<ExitCode, Failure> {
    for (name, text) in files() {
        let path = directory.join(name);
        path.parent()
            .map_or(Ok(()), make_directories)
            .and_then(|()| write_textfile(&path, &text))
            .map_err(|source| Failure::File { source })?;
        if !context.json() {
            print::line(format_args!("wrote {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the files, by their paths below `/usr/share` or `/usr/local/share`.
fn files() -> Vec<(String, String)> {
    let mut files = manual::pages();
    files.push(("bash-completion/completions/conductor".to_owned(), completion(Bash)));
    files.push(("zsh/site-functions/_conductor".to_owned(), completion(Zsh)));
    files.push(("fish/vendor_completions.d/conductor.fish".to_owned(), completion(Fish)));
    files
}

fn completion(shell: impl Generator) -> String {
    let mut text = Vec::new();
    clap_complete::aot::generate(shell, &mut Arguments::command(), "conductor", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::{env, fs, iter};

    use super::*;

    /// Runs a program on a file. Only `.ci/packages` asks for it, which installs the programs.
    #[track_caller]
    fn is_quiet(command: &[&str], file: &Path) {
        if env::var_os("CONDUCTOR_TEST_LINT").is_none() {
            return;
        }
        let [program, arguments @ ..] = command else { panic!("no program") };
        let output = Command::new(program).args(arguments).arg(file).output().expect(program);
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        let said = if command[0] == "man" { String::from_utf8_lossy(&output.stderr) } else { said };
        assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    }

    #[test]
    fn each_command_has_a_page_without_warnings() {
        let directory = tempfile::tempdir().unwrap();
        let pages = manual::pages();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["1/conductor", "1/conductor-apply", "1/conductor-cron-next"] {
            assert!(names.contains(&&*format!("man/man{name}.1")), "{names:?}");
        }
        for name in ["man/man1/conductor-probe.1", "man/man5/conductor-definition.5"] {
            assert!(names.contains(&name), "{names:?}");
        }
        // Hidden commands are for packages.
        assert!(!names.contains(&"man/man1/conductor-generate.1"), "{names:?}");
        for (name, text) in pages {
            let file = directory.path().join(Path::new(&name).file_name().unwrap());
            fs::write(&file, text).unwrap();
            is_quiet(&["man", "--warnings", "--encoding=UTF-8", "--local-file"], &file);
            is_quiet(&["mandoc", "-Tlint", "-Wwarning"], &file);
        }
    }

    #[test]
    fn completions_are_read_without_an_error() {
        let directory = tempfile::tempdir().unwrap();
        for (shell, (name, text)) in
            ["bash", "zsh", "fish"].into_iter().zip(files().into_iter().rev().take(3).rev())
        {
            assert!(text.contains("rollback") && text.contains("lock-timeout"), "{name}");
            assert!(!text.contains("generate'"), "{name}");
            let file = directory.path().join("completion");
            fs::write(&file, text).unwrap();
            let script = match shell {
                "zsh" => "autoload -U compinit && compinit -D -u && source \"$0\"",
                _ => "source $0",
            };
            match shell {
                "fish" => is_quiet(&["fish", "--no-config"], &file),
                shell => is_quiet(&[shell, "-c", script], &file),
            }
        }
    }

    #[test]
    fn the_page_of_definitions_has_each_key() {
        let (_, page) = manual::pages().pop().unwrap();
        let schema = serde_json::to_value(conductor_core::definition::schema()).unwrap();
        let objects = schema["$defs"].as_object().unwrap().values();
        let mut count = 0;
        for object in iter::once(&schema).chain(objects) {
            for key in object["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
                assert!(page.contains(&format!("\\fB{}\\fR", key.replace('-', "\\-"))), "{key}");
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
    }
}
