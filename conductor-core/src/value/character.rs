//! Characters that have no place in a unit, or in one line of it.

/// Recognises the code points that Unicode reserves for no character at all. systemd takes them
/// for invalid UTF-8 and refuses the whole unit (`unichar_is_valid()` in its `utf8.c`).
pub(super) fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Recognises what may stand in no line: control characters and what systemd does not take.
pub(super) fn is_unfit(c: char) -> bool {
    c.is_control() || is_noncharacter(c)
}

/// The control characters, for a class in a pattern.
macro_rules! control {
    () => {
        r"\u0000-\u001f\u007f-\u009f"
    };
}

pub(super) use control;
