//! One unit of time in a calendar event: a list of values, ranges and repetitions.

use std::fmt;

/// Microseconds in a second.
pub(super) const SECOND: i32 = 1_000_000;

/// One element of a list. `stop` is the last value of a range; without it a repetition has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Component {
    pub(super) start: i32,
    pub(super) stop: Option<i32>,
    /// The step between two values; 0 for a single value.
    pub(super) repeat: i32,
}

impl Component {
    /// Creates a single value.
    pub(super) fn one(start: i32) -> Self {
        Self { start, stop: None, repeat: 0 }
    }

    /// Ends a range at the last value that its step reaches; a range of one value becomes that value.
    fn normal(mut self) -> Self {
        if let Some(stop) = &mut self.stop {
            if *stop > self.start && self.repeat > 0 {
                *stop -= (*stop - self.start) % self.repeat;
            }
            if *stop == self.start {
                return Self::one(self.start);
            }
        }
        self
    }

    /// Ends a repetition that has no end at the last value up to `most` that it reaches.
    fn bounded(mut self, most: i32) -> Self {
        if self.stop.is_none() && self.repeat > 0 {
            self.stop = Some(most);
        }
        self.normal()
    }

    fn is_within(self, least: i32, most: i32, end: CountedFrom) -> bool {
        let Self { start, stop, repeat } = self;
        let bounds = least..=most;
        bounds.contains(&start)
            && repeat <= most - least
            && match (stop, end) {
                (Some(stop), _) => bounds.contains(&stop) && start + repeat <= stop,
                (None, CountedFrom::MonthEnd) => start - repeat >= least,
                (None, CountedFrom::Start) => start + repeat <= most,
            }
    }
}

/// Where values count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountedFrom {
    /// From the first one.
    Start,
    /// From the last day of a month, backwards.
    MonthEnd,
}

/// All values of one unit of time; empty means any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Chain(pub(super) Vec<Component>);

impl Chain {
    /// Creates a single value.
    pub(super) fn one(value: i32) -> Self {
        Self(vec![Component::one(value)])
    }

    /// Creates every whole second, without fractions.
    pub(super) fn every_second() -> Self {
        Self(vec![Component { start: 0, stop: None, repeat: SECOND }])
    }

    /// Sorts the elements and removes duplicates.
    pub(super) fn normalize(&mut self) {
        for component in &mut self.0 {
            *component = component.normal();
        }
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Ends repetitions that have no end at `most` at the latest.
    pub(super) fn bound(&mut self, most: i32) {
        for component in &mut self.0 {
            *component = component.bounded(most);
        }
    }

    /// Returns whether systemd accepts all values.
    ///
    /// systemd accepts at most 28 days from the end of a month, and in a list three fewer for each element.
    /// The latter is a bug of systemd, which is repeated here.
    pub(super) fn is_within(&self, least: i32, most: i32, end: CountedFrom) -> bool {
        let mut most = most;
        self.0.iter().all(|component| {
            if end == CountedFrom::MonthEnd {
                most -= 3;
            }
            component.is_within(least, most, end)
        })
    }

    /// Returns the list with numbers of at least `width` digits.
    pub(super) fn display(&self, width: usize) -> impl fmt::Display + '_ {
        Listed { chain: self, width, unit: 1 }
    }

    /// Returns a list of microseconds as seconds.
    pub(super) fn display_seconds(&self) -> impl fmt::Display + '_ {
        Listed { chain: self, width: 2, unit: SECOND }
    }
}

struct Listed<'a> {
    chain: &'a Chain,
    width: usize,
    unit: i32,
}

impl Listed<'_> {
    fn number(&self, f: &mut fmt::Formatter<'_>, value: i32, width: usize) -> fmt::Result {
        write!(f, "{:0width$}", value / self.unit)?;
        match value % self.unit {
            0 => Ok(()),
            fraction => write!(f, ".{fraction:06}"),
        }
    }
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chain.0.is_empty() || (self.unit == SECOND && *self.chain == Chain::every_second())
        {
            return f.write_str("*");
        }
        for (index, Component { start, stop, repeat }) in self.chain.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            self.number(f, *start, self.width)?;
            if let Some(stop) = stop {
                f.write_str("..")?;
                self.number(f, *stop, self.width)?;
            }
            if *repeat > 0 && !(stop.is_some() && *repeat == self.unit) {
                f.write_str("/")?;
                self.number(f, *repeat, 1)?;
            }
        }
        Ok(())
    }
}
