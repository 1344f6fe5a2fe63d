//! Files that try to break a parser.

use std::path::Path;

use conductor_core::service::Service;

fn problems(extension: &str, text: &str) -> String {
    let file = format!("web.{extension}");
    match Service::parse(Path::new(&file), text) {
        Ok(service) => format!("no problem: {:?}", service.id),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn what_is_no_definition_is_told_where_and_why() {
    for (extension, text, told) in [
        ("txt", "id: web", "web.txt: the file name has no known extension"),
        ("yaml", "", "web.yaml:1:1: the file is empty"),
        ("yaml", "# nothing\n", "web.yaml:1:1: the file is empty"),
        ("yaml", "---\n...\n", "web.yaml:1:1: the file is empty"),
        ("yaml", "~", "web.yaml:1:1: expected a mapping, found nothing"),
        ("yaml", "- id: web\n", "web.yaml:1:1: expected a mapping, found a list"),
        ("yaml", "web", "web.yaml:1:1: expected a mapping, found text"),
        ("yaml", "id: web\n---\nid: x\n", "web.yaml:3:1: a second document begins here"),
        ("yaml", "id: web\nlimits:\n\tcpu: 1\n", "web.yaml:3:2: not YAML: tabs"),
        ("yaml", "id: web\n? [a]\n: b\n", "web.yaml:2:3: a key has to be plain text"),
        ("yaml", "id: web\nimage: {{port}}\n", "web.yaml:2:9: a key has to be plain text"),
        ("yaml", "id: web\nimage: {id}\n", "web.yaml:2:8: image: expected text, found a mapping"),
        (
            "yaml",
            "a: &a [*a]\n",
            "web.yaml:1:8: an alias to a key, or to the value that contains it",
        ),
        ("yaml", "id: *x\n", "web.yaml:1:5: not YAML: while parsing node, found unknown anchor"),
        ("yaml", "<<: {id: web}\n", "web.yaml:1:5: << merges the keys of other mappings"),
        ("yaml", "id: !!binary aGk=\n", "web.yaml:1:5: the tag tag:yaml.org,2002:!binary"),
        ("yaml", "id: web\nlimits:\n", "web.yaml:2:1: limits: expected a mapping with memory"),
        ("yaml", "id: web\n\0id: x\n", "web.yaml:2:1: the file contains the control"),
        ("yaml", "id: 'we\0b'\n", "web.yaml:1:8: the file contains the control character '\\0'"),
        ("yaml", "ü: [\u{1b}]\n", "web.yaml:1:5: the file contains the control"),
        ("json", "", "web.json:1:1: the file is empty"),
        ("json", "null", "web.json:1:1: expected a mapping, found nothing"),
        ("json", "{\"id\": 'web'}", "web.json:1:8: not JSON"),
        ("json", "{\"id\": \"web\",}", "web.json:1:13: not JSON"),
        ("json", "{\"id\": \"web\"} {}", "web.json:1:15: not JSON"),
        ("json", "// x\n{\"id\": \"web\"}", "web.json:1:1: not JSON: Comments"),
        ("json", "{\"id\": \"ü\n\"}", "web.json:1:10: not JSON: a line end or tab in a string"),
        ("json", "{\"id\": \"\\ud800\"}", "web.json:1:9: not JSON: Invalid unicode escape"),
        ("json", "{\"id\": \"\0\"}", "web.json:1:9: the file contains the control character"),
        ("toml", "", "web.toml:1:1: the file is empty"),
        ("toml", "id = web\n", "web.toml:1:6: not TOML: string values must be quoted"),
        ("toml", "id = \"\0\"\n", "web.toml:1:7: the file contains the control character"),
        ("toml", "[[cron]]\nid = 1\n", "cron: expected a mapping, found a list"),
    ] {
        let all = problems(extension, text);
        assert!(all.contains(told), "{text:?}\n{all}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    for (extension, text) in [
        ("yaml", "\u{feff}Id: web\n"),
        ("json", "\u{feff}{\"Id\": \"web\"}"),
        ("toml", "\u{feff}Id = \"web\"\n"),
    ] {
        let all = problems(extension, text);
        let column = if extension == "json" { 2 } else { 1 };
        assert!(all.contains(&format!("web.{extension}:1:{column}: Id: unknown key")), "{all}");
    }
}

#[test]
fn depth_and_size_have_an_end() {
    const DEEP: usize = 100_000;
    let laughs = (1..20).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let m = n - 1;
        text + &format!("a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]\n")
    });
    let echoes = format!("a: &a \"{}\\n\"\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(5000));
    let keys = |separator: &str| {
        (0..60_000).fold(String::new(), |text, n| text + &format!("k{n}{separator}1\n"))
    };
    let one_line = format!("{{{}\"x\": 1}}", "\"ä\": {}, ".repeat(4000));
    for (extension, text, told) in [
        ("yaml", "[".repeat(DEEP), "recursion limit"),
        ("yaml", "{a: ".repeat(DEEP), "recursion limit"),
        ("yaml", "- ".repeat(DEEP), "nested more than 32 deep"),
        ("yaml", "? ".repeat(DEEP), "a key has to be plain text"),
        ("yaml", format!("a: {}1{}", "[".repeat(40), "]".repeat(40)), "nested more than 32 deep"),
        ("yaml", laughs, "more than 5000 values"),
        ("yaml", echoes, "more than 2097152 bytes of text"),
        ("yaml", keys(": "), "more than 5000 values"),
        ("yaml", "#".repeat(10 << 20), "the file has 10485760 bytes"),
        ("json", "[".repeat(DEEP), "nesting depth"),
        ("json", "{\"a\":".repeat(DEEP), "nesting depth"),
        ("json", format!("{}1{}", "[".repeat(40), "]".repeat(40)), "nested more than 32 deep"),
        ("json", " ".repeat(10 << 20), "the file has 10485760 bytes"),
        ("json", one_line, "the key \"ä\" is given twice"),
        ("toml", format!("a = {}", "[".repeat(DEEP)), "max recursion depth"),
        ("toml", format!("a = {}", "{a = ".repeat(DEEP)), "max recursion depth"),
        ("toml", format!("{}a = 1", "a.".repeat(DEEP)), "recursion limit"),
        ("toml", format!("[{}a]", "a.".repeat(DEEP)), "recursion limit"),
        ("toml", format!("a = {}1{}", "[".repeat(40), "]".repeat(40)), "nested more than 32 deep"),
        ("toml", keys(" = "), "more than 5000 values"),
        ("toml", "#".repeat(10 << 20), "the file has 10485760 bytes"),
    ] {
        let all = problems(extension, &text);
        let begin: String = all.chars().take(200).collect();
        assert!(all.contains(told), "{extension} {told}: {begin}");
    }
    let long_key = format!("{}: 1\n", "k".repeat(500_000));
    assert!(problems("yaml", &long_key).len() < 2000);
}
