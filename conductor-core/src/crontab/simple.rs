//! The simple commands of a command for a shell, each as its words.
//!
//! It is for names: what a shell would put in place of a variable or of a command in the command is not known. Such a
//! part is kept as it is written.

use std::iter::Peekable;
use std::str::Chars;

/// The characters after which an operator of a redirection may go on, as in `>>`, `<&`, `>|` and `<<-`.
const OF_REDIRECTION: &str = "<>&|-";

/// Returns the simple commands, without their redirections. What stands between them is not returned: operators,
/// parentheses, braces and comments.
pub(super) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut reader = Reader {
        characters: text.chars().peekable(),
        commands: Vec::new(),
        words: Vec::new(),
        word: None,
        is_target: false,
    };
    reader.read();
    reader.commands
}

struct Reader<'t> {
    characters: Peekable<Chars<'t>>,
    commands: Vec<Vec<String>>,
    /// The words of the command that is read.
    words: Vec<String>,
    word: Option<String>,
    /// Whether the next word is the file or the descriptor of a redirection.
    is_target: bool,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(character) = self.characters.next() {
            match character {
                '\\' => {
                    if let Some(escaped) = self.characters.next().filter(|next| *next != '\n') {
                        self.word().push(escaped);
                    }
                }
                '\'' => self.quoted(),
                '"' => self.double_quoted(),
                '`' | '$' => self.substituted(character),
                // A number before it is a descriptor.
                '<' | '>' => self.redirection(),
                '&' if self.characters.peek() == Some(&'>') => {
                    self.end_word();
                    self.characters.next();
                    self.redirection();
                }
                ';' | '&' | '|' | '(' | ')' | '\n' => self.end_command(),
                '#' if self.word.is_none() => {
                    while self.characters.next_if(|next| *next != '\n').is_some() {}
                }
                character if character.is_whitespace() => self.end_word(),
                character => self.word().push(character),
            }
        }
        self.end_command();
    }

    fn word(&mut self) -> &mut String {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match word.as_str() {
            _ if std::mem::take(&mut self.is_target) => {}
            "{" | "}" if self.words.is_empty() => {}
            _ => self.words.push(word),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.is_target = false;
        let words = std::mem::take(&mut self.words);
        self.commands.extend((!words.is_empty()).then_some(words));
    }

    /// Reads the rest of an operator such as `2>&1`; the next word is its target.
    fn redirection(&mut self) {
        let is_descriptor = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        if !self.word.as_ref().is_some_and(is_descriptor) {
            self.end_word();
        }
        self.word = None;
        let mut operator = String::new();
        while let Some(next) = self.characters.next_if(|next| OF_REDIRECTION.contains(*next)) {
            operator.push(next);
        }
        // The output or the input of a command, as in `> >(logger)`.
        if self.characters.next_if_eq(&'(').is_some() {
            self.balanced(('(', ')'), &mut String::new());
        } else {
            // `2>&-` closes a descriptor.
            self.is_target = !operator.ends_with("&-");
        }
    }

    fn quoted(&mut self) {
        self.word();
        while let Some(character) = self.characters.next_if(|next| *next != '\'') {
            self.word().push(character);
        }
        self.characters.next();
    }

    fn double_quoted(&mut self) {
        self.word();
        while let Some(character) = self.characters.next() {
            match character {
                '"' => return,
                '\\' => {
                    let escaped = self.characters.next_if(|next| "\"\\$`\n".contains(*next));
                    self.word().push(escaped.unwrap_or('\\'));
                }
                '`' | '$' => self.substituted(character),
                character => self.word().push(character),
            }
        }
    }

    /// Reads `$(...)`, `${...}`, `$[...]` or a part in backticks, and adds it unchanged to the current word.
    fn substituted(&mut self, first: char) {
        let mut text = String::from(first);
        let next = self.characters.peek().copied();
        let pair = match (first, next) {
            ('`', _) => None,
            (_, Some('(')) => Some(('(', ')')),
            (_, Some('{')) => Some(('{', '}')),
            (_, Some('[')) => Some(('[', ']')),
            _ => {
                self.word().push(first);
                return;
            }
        };
        match pair {
            Some((open, close)) => {
                text.extend(self.characters.next());
                self.balanced((open, close), &mut text);
            }
            None => {
                for character in self.characters.by_ref() {
                    text.push(character);
                    if character == '`' {
                        break;
                    }
                }
            }
        }
        self.word().push_str(&text);
    }

    /// Reads to the end of what was opened.
    fn balanced(&mut self, (open, close): (char, char), text: &mut String) {
        let mut depth = 1_usize;
        for character in self.characters.by_ref() {
            text.push(character);
            if character == open {
                depth += 1;
            } else if character == close {
                depth -= 1;
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_splits_it() {
        for (text, split) in [
            ("a b; c|d && e || f & g\nh", "a b/c/d/e/f/g/h"),
            ("(a; { b 'c; d'; }) | e", "a/b c; d/e"),
            ("a 'b'\"c \\\" \\x\"\\ d ''", "a bc \" \\x d "),
            ("a \"'b'\" '\"c\"'", "a 'b' \"c\""),
            ("a # b; c", "a"),
            ("a#b \\# '#' c", "a#b # # c"),
            ("a $(b | c) `d; e` ${f:-g h}", "a $(b | c) `d; e` ${f:-g h}"),
            ("a $[ 1 + 2 ] $((3 * (4))) $i \"$(j)\"", "a $[ 1 + 2 ] $((3 * (4))) $i $(j)"),
            ("$(a", "$(a"),
            ("`a", "`a"),
            ("'a", "a"),
            ("\"a", "a"),
            ("a\\", "a"),
            ("a {b} ${c}/d", "a {b} ${c}/d"),
            ("", ""),
            (" ; & ", ""),
        ] {
            let commands: Vec<_> = commands(text).iter().map(|words| words.join(" ")).collect();
            assert_eq!(commands.join("/"), split, "{text}");
        }
    }

    #[test]
    fn redirections_are_no_words() {
        for text in [
            "a b >/dev/null 2>&1",
            "a b>/dev/null 2>/dev/null",
            "a b 1> c 2>> d",
            "a b &>c",
            "a b &>> c",
            "a b >& c",
            "a b >&2 2>&-",
            "a b >| c",
            "a 2>&- b",
            "a b </dev/null",
            "a b <<<'c d'",
            "a b <&3",
            "a <c b",
            "<c a b",
            "2>c a b",
            ">c 2>&1 a b",
            "a b > >(c d)",
            "a b 2> \"c d\"",
            "a b > $(c d)",
        ] {
            assert_eq!(commands(text), [["a", "b"]], "{text}");
        }
        assert_eq!(commands("a b2>c; d >e; f>"), [vec!["a", "b2"], vec!["d"], vec!["f"]]);
        assert_eq!(commands("a >b | c"), [["a"], ["c"]]);
    }
}
