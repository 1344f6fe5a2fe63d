//! How the demo looks: explanations, commands and their output, in colour where that is wanted.

use std::cell::Cell;
use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Where an explanation is wrapped.
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
    /// Colours only a terminal, and not where `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn of_standard_output() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let stdout = io::stdout();
        Self { colour: stdout.is_terminal() && !refused && !dumb, stdout, step: Cell::new(0) }
    }

    /// Opens the next step with what it shows and why that matters.
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

    /// Says what is being done while it takes time.
    pub(crate) fn progress(&self, text: &str) -> Result<(), Failure> {
        self.prints(&self.styled(Style::Dim, &format!("... {text}")))
    }

    /// Prints text and a newline, in one write: whoever interrupts it finds no half a colour.
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
