//! The protocol of the socket between the unit of a run and the process that waits for it.
//!
//! Each connection begins with a line from the probe, a [`Call`]. The answer to [`Call::Run`] is an
//! [`Announcement`], with the descriptors that it announces (`SCM_RIGHTS`, unix(7)). Every byte after it is
//! the number of a signal for the command, and the end of the connection stops the command. [`Call::Ended`]
//! has no answer: the probe waits until the connection is closed.

/// The first line from the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The command is about to run, and needs its input and output.
    Run,
    /// The unit has ended.
    Ended,
}

impl Call {
    /// Returns the line, without a line end.
    pub fn line(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ended => "ended",
        }
    }

    /// Reads a line, without its line end.
    pub fn read(line: &str) -> Option<Self> {
        [Self::Run, Self::Ended].into_iter().find(|call| call.line() == line)
    }
}

/// The input and output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// Those of standard input, output and error that are true; the others are those of the unit.
    Streams([bool; 3]),
    /// One terminal, for all three.
    Terminal,
}

/// The bit for a terminal; the three streams have the lower bits.
const TERMINAL: u8 = 1 << 3;

impl Announcement {
    /// Returns the byte.
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

    /// Returns how many descriptors come with it.
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
