//! Finds lines and columns in a text.

use super::document::Position;

/// Converts byte offsets to lines and columns, for parsers that count bytes.
pub(super) struct Lines<'i> {
    text: &'i str,
    starts: Vec<usize>,
    /// How many characters begin before each block, so that a long line is not counted again for each value
    /// in it.
    blocks: Vec<usize>,
}

impl<'i> Lines<'i> {
    const BLOCK: usize = 1024;

    pub(super) fn new(text: &'i str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let mut before = 0;
        let blocks = text.as_bytes().chunks(Self::BLOCK).map(|block| {
            let here = before;
            before += characters(block);
            here
        });
        Self { text, starts: starts.collect(), blocks: blocks.collect() }
    }

    pub(super) fn text(&self) -> &'i str {
        self.text
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        (line, self.before(offset) - self.before(start) + 1)
    }

    /// Returns how many characters begin before an offset.
    fn before(&self, offset: usize) -> usize {
        let block = offset / Self::BLOCK;
        match self.blocks.get(block) {
            Some(before) => before + characters(&self.text.as_bytes()[block * Self::BLOCK..offset]),
            // The offset is the end of a text that fills its last block.
            None => characters(self.text.as_bytes()),
        }
    }
}

/// Returns how many bytes are the first of a UTF-8 character.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_in_long_lines_too() {
        for text in ["", "ä", "a\r\nä€😀b\n", &"ä€x\n😀".repeat(400), &"€".repeat(2048)]
        {
            let lines = Lines::new(text);
            for offset in 0..=text.len() {
                let before = &text[..text.floor_char_boundary(offset)];
                let (line, last) = before
                    .rsplit_once('\n')
                    .map_or((1, before), |(above, last)| (above.matches('\n').count() + 2, last));
                assert_eq!(lines.position(offset), (line, last.chars().count() + 1));
            }
        }
    }
}
