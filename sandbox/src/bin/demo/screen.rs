//! Prints explanations, commands and their output, with colours if they are wanted.

use std::cell::Cell;
use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// The width of explanations.
const WIDTH: usize = 96;

/// Standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    stdout: io::Stdout,
    colour: bool,
    step: Cell<usize>,
}

/// SGR sequences of ECMA-48.
#[derive(Clone, Copy)]
enum Style {
    Bold = 1,
    Dim = 2,
    Cyan = 36,
}

impl Screen {
    /// Uses colours only on a terminal, and not if `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn of_standard_output() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let stdout = io::stdout();
        Self { colour: stdout.is_terminal() && !refused && !dumb, stdout, step: Cell::new(0) }
    }

    /// Starts the next step with an explanation.
    pub(crate) fn step(&self, explanation: &str) -> Result<(), Failure> {
        self.step.set(self.step.get() + 1);
        let number = format!("{:>2}  ", self.step.get());
        let mut text = String::from("\n");
        for (index, line) in wrap(explanation, WIDTH).iter().enumerate() {
            let margin = if index == 0 { number.as_str() } else { "\n    " };
            text.push_str(margin);
            text.push_str(&self.styled(Style::Bold, line));
        }
        self.prints(&text)
    }

    /// Adds a remark to a step.
    pub(crate) fn remark(&self, text: &str) -> Result<(), Failure> {
        for line in wrap(text, WIDTH) {
            self.prints(&format!("    {line}"))?;
        }
        Ok(())
    }

    /// Shows a command as it is typed.
    pub(crate) fn command(&self, line: &str) -> Result<(), Failure> {
        let line = self.styled(Style::Cyan, &format!("$ {line}"));
        self.prints(&format!("    {line}"))
    }

    /// Shows what a command wrote.
    pub(crate) fn output<'t>(&self, lines: impl Iterator<Item = &'t str>) -> Result<(), Failure> {
        for line in lines {
            let line = self.styled(Style::Dim, line.trim_end());
            self.prints(format!("      {line}").trim_end())?;
        }
        Ok(())
    }

    /// Prints what is in progress.
    pub(crate) fn progress(&self, text: &str) -> Result<(), Failure> {
        self.prints(&self.styled(Style::Dim, &format!("... {text}")))
    }

    /// Prints text and a newline in one write, so that an interruption does not leave a colour set.
    pub(crate) fn prints(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock();
        stdout
            .write_all(format!("{text}\n").as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(Failure::Output)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("\x1b[{}m{text}\x1b[0m", style as u8),
            false => text.to_owned(),
        }
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.extend([" ", word]);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #[test]
    fn wraps_between_words() {
        assert_eq!(super::wrap("to be  or not", 5), ["to be", "or", "not"]);
        assert_eq!(super::wrap("", 5), [""; 0]);
    }
}
