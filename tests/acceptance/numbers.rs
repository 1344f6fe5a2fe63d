//! Pseudo-random numbers that are the same in every run.

/// A generator (xorshift, Marsaglia 2003).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Returns the next number below a limit.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Returns the next index for a length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let below = self.below(u64::try_from(length).expect("small"));
        usize::try_from(below).expect("small")
    }
}
