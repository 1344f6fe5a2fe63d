//! Text that is hard to pass unchanged.

use proptest::collection::vec;
use proptest::prelude::*;

/// Text with a meaning for a shell, systemd, a template, or a parser.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let known: Vec<&str> = [
        "",
        " ",
        ";",
        "#",
        "\\",
        "\"",
        "'",
        "$",
        "%",
        "`",
        "{",
        "}",
        "{{",
        "}}",
        "!",
        "-",
        "@",
        "+",
        ":",
        "|",
        "=",
        "~",
        "*",
        "?",
        "&",
        "<",
        ">",
        "\n",
        "\r",
        "\t",
        "\r\n",
        "\\\n",
        "\u{7f}",
        "\u{1}",
        "\u{1b}[31m",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{202e}",
        "ß",
        "日本",
        "🦀",
        "e\u{301}",
        "$HOME",
        "${HOME}",
        "$$",
        "$(id)",
        "`id`",
        "%n",
        "%%",
        "%z",
        "%h",
        "\\n",
        "\\x41",
        "\\",
        "\\\"",
        "[Service]",
        "\n[Service]\nUser=root\n",
        "ExecStart=/bin/false",
        "#comment",
        "; comment",
        "{port}",
        "{id}",
        "{revision}",
        "{instance}",
        "{{port}}",
        "{{{port}}}",
        "{{#each}}",
        "{{id",
        "<&>\"'",
        "a b",
        "\"a b\"",
        "'a",
        "a\\",
        "\u{0}".trim_matches('\0'),
        "\u{10fffd}",
        "null",
        "~",
        "1e3",
    ]
    .into();
    let control = (1_u8..0x20).prop_map(|byte| char::from(byte).to_string());
    let any = any::<char>().prop_filter("it can be in a unit", |c| {
        let code = u32::from(*c);
        *c != '\0' && !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
    });
    let piece = prop_oneof![
        6 => prop::sample::select(known).prop_map(str::to_owned),
        2 => control,
        2 => any.prop_map(String::from),
        2 => "[a-z]{1,8}",
    ];
    prop_oneof![
        20 => vec(piece.clone(), 0..8).prop_map(|pieces| pieces.concat()),
        1 => (piece, 1_000_usize..100_000).prop_map(|(piece, length)| {
            piece.repeat(length / piece.len().max(1))
        }),
    ]
}
