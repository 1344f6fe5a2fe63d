//! Changes inputs at random, the same way each time.

/// The longest input that is made.
const LONGEST: usize = 16 * 1024;

/// Makes inputs out of seeds and words. What it makes depends on its number alone.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// Makes one that begins with these seeds, of which there is at least one.
    pub fn new(number: u64, seeds: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> Self {
        // No state but 0 leads to 0, where it would stay.
        Self { state: number.wrapping_mul(2).wrapping_add(1), seeds, words }
    }

    /// Makes the next input: a seed with a few changes.
    pub fn input(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut input = self.seeds[seed].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let start = self.below(input.len() + 1);
        let end = (start + self.below(24)).min(input.len());
        match self.below(8) {
            0 => drop(input.drain(start..end)),
            1 => input.truncate(start),
            2 => {
                let again = input[start..end].repeat(1 + self.below(40));
                input.splice(start..start, again);
            }
            3 => {
                let byte = self.byte();
                input.insert(start, byte);
            }
            4 if start < input.len() => input[start] ^= 1 << self.below(8),
            5 => {
                let other = self.below(self.seeds.len());
                let other = self.seeds[other].clone();
                let (from, length) = (self.below(other.len() + 1), self.below(200));
                let to = (from + length).min(other.len());
                input.splice(start..end, other[from..to].iter().copied());
            }
            _ if self.words.is_empty() => {}
            kind => {
                let word = self.below(self.words.len());
                let word = self.words[word].clone();
                let end = if kind == 6 { start } else { end };
                input.splice(start..end, word);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.random().to_le_bytes()[0]
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random() % u64::try_from(bound.max(1)).unwrap_or(u64::MAX))
            .unwrap_or(0)
    }

    /// Marsaglia's xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_makes_the_same_inputs() {
        let make = |number| {
            let mut mutator =
                Mutator::new(number, vec![b"id: web\n".to_vec()], vec![b"cron".to_vec()]);
            (0..50).map(|_| mutator.input()).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}
