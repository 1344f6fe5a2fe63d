//! A small reader of unit files, written from systemd.syntax(7) and systemd.service(5) alone.

/// The lines of a unit file: section, name and value.
#[derive(Debug)]
pub(crate) struct UnitFile(Vec<(String, String, String)>, usize);

impl UnitFile {
    /// Reads a file as systemd does: a line ends at a line feed, a carriage return or a NUL, and a
    /// backslash at its end joins the next line.
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut section = String::new();
        let mut joined = String::new();
        let mut physical = 0;
        for line in text.split(['\n', '\r', '\0']) {
            physical += 1;
            let comment = line.trim_start().starts_with(['#', ';']);
            if comment {
                continue;
            }
            joined.push_str(line);
            let backslashes = joined.chars().rev().take_while(|c| *c == '\\').count();
            if backslashes % 2 == 1 {
                joined.pop();
                joined.push(' ');
                continue;
            }
            let line = std::mem::take(&mut joined);
            let line = line.trim_matches([' ', '\t']);
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
                lines.push((section.clone(), String::new(), String::new()));
            } else if !line.is_empty() {
                let (name, value) = line.split_once('=').expect("an assignment");
                let trim = |text: &str| text.trim_matches([' ', '\t']).to_owned();
                lines.push((section.clone(), trim(name), trim(value)));
            }
        }
        Self(lines, physical)
    }

    /// Returns the names of the sections, in order.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &str> {
        let headers = self.0.iter().filter(|(_, name, _)| name.is_empty());
        headers.map(|(section, _, _)| section.as_str())
    }

    /// Returns section, name and value of each line; of a header only the section.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let lines = self.0.iter();
        lines.map(|(section, name, value)| (section.as_str(), name.as_str(), value.as_str()))
    }

    /// Returns the values that are assigned to a name.
    pub(crate) fn values(&self, section: &str, name: &str) -> Vec<&str> {
        let lines = self.lines().filter(|line| line.0 == section && line.1 == name);
        lines.map(|line| line.2).collect()
    }

    /// Returns all of a file except the values.
    pub(crate) fn outline(&self) -> (usize, Vec<(&str, &str)>) {
        let lines = self.0.iter().map(|line| (line.0.as_str(), line.1.as_str()));
        (self.1, lines.collect())
    }
}

/// Reads a command line without expansion of variables, because of the prefix `:`.
pub(crate) fn command(value: &str) -> Vec<String> {
    words(value.strip_prefix(':').expect("the prefix that switches $ off"))
}

/// Splits a value into words: quotes, escapes, then specifiers.
pub(crate) fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = value.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return words;
        }
        let mut word = Vec::new();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match c {
                c if quote == Some(c) => quote = None,
                '"' | '\'' if quote.is_none() => quote = Some(c),
                c if c.is_ascii_whitespace() && quote.is_none() => break,
                '\\' => escape(&mut chars, &mut word),
                c => word.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        assert_eq!(quote, None, "an open quote in {value:?}");
        words.push(specifiers(&String::from_utf8(word).expect("UTF-8")));
    }
}

fn escape(chars: &mut impl Iterator<Item = char>, word: &mut Vec<u8>) {
    let kind = chars.next().expect("a character behind the backslash");
    let mut number = |digits: usize, radix: u32| {
        let text: String = chars.take(digits).collect();
        assert_eq!(text.len(), digits, "too few digits");
        u32::from_str_radix(&text, radix).expect("digits")
    };
    let code = match kind {
        'a' => 7,
        'b' => 8,
        't' => 9,
        'n' => 10,
        'v' => 11,
        'f' => 12,
        'r' => 13,
        's' => 32,
        '\\' | '"' | '\'' => kind.into(),
        'x' => {
            word.push(u8::try_from(number(2, 16)).expect("a byte"));
            return;
        }
        'u' => number(4, 16),
        'U' => number(8, 16),
        other => panic!("the escape {other:?} is not known"),
    };
    let character = char::from_u32(code).expect("a character");
    word.extend(character.encode_utf8(&mut [0; 4]).bytes());
}

/// Replaces the only specifier that conductor writes.
pub(crate) fn specifiers(text: &str) -> String {
    let mut replaced = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            assert_eq!(chars.next(), Some('%'), "a specifier in {text:?}");
        }
        replaced.push(c);
    }
    replaced
}
