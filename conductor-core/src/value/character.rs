//! Characters that a unit, or one line of it, cannot contain.

/// Returns whether a code point is a noncharacter of Unicode. systemd rejects it as invalid UTF-8, and the
/// whole unit with it (`unichar_is_valid()` in its `utf8.c`).
pub(super) fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Returns whether no line may contain a character: a control character, or one that systemd rejects.
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
