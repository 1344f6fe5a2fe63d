//! What goes over the socket at which a one-off command meets whoever waits for it.
//!
//! Each connection begins with a line of the probe's, a [`Call`]. To [`Call::Run`] the other end answers with
//! an [`Announcement`], which comes with the open files that it announces (`SCM_RIGHTS`, unix(7)). Every byte
//! that follows is the number of a signal for the command, and the end of the connection ends the command.
//! [`Call::Ended`] has no answer: the probe waits until the connection is closed.

/// What the probe says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The command is about to run, and needs its input and output.
    Run,
    /// The unit has ended.
    Ended,
}

impl Call {
    /// Returns the line, without its end.
    pub fn line(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ended => "ended",
        }
    }

    /// Reads a line, without its end.
    pub fn read(line: &str) -> Option<Self> {
        [Self::Run, Self::Ended].into_iter().find(|call| call.line() == line)
    }
}

/// What a command is to run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// Those of standard input, output and error that are true; the others are as the unit has them.
    Streams([bool; 3]),
    /// One terminal, for all three.
    Terminal,
}

/// Set if a terminal comes in place of the three streams, which have a bit each.
const TERMINAL: u8 = 1 << 3;

impl Announcement {
    /// Returns the byte that says so.
    pub fn byte(self) -> u8 {
        match self {
            Self::Streams([input, output, error]) => {
                u8::from(input) | u8::from(output) << 1 | u8::from(error) << 2
            }
            Self::Terminal => TERMINAL,
        }
    }

    /// Reads a byte.
    pub fn read(byte: u8) -> Option<Self> {
        match byte {
            TERMINAL => Some(Self::Terminal),
            0..TERMINAL => Some(Self::Streams([0, 1, 2].map(|bit| byte & 1 << bit != 0))),
            _ => None,
        }
    }

    /// Returns how many open files come with it.
    pub fn files(self) -> usize {
        match self {
            Self::Streams(streams) => streams.into_iter().filter(|stream| *stream).count(),
            Self::Terminal => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_read_back() {
        for byte in 0..=u8::MAX {
            let read = Announcement::read(byte);
            assert_eq!(read.is_some(), byte <= TERMINAL, "{byte}");
            assert!(read.is_none_or(|read| read.byte() == byte));
        }
        let streams = Announcement::Streams([true, false, true]);
        assert_eq!((streams.byte(), streams.files()), (0b101, 2));
    }

    #[test]
    fn calls_are_read_back() {
        for call in [Call::Run, Call::Ended] {
            assert_eq!(Call::read(call.line()), Some(call));
        }
        assert_eq!(Call::read("runs"), None);
    }
}
