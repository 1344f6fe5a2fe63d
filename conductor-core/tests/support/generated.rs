//! Generated parts of documents, which a test compares, or writes on request.

use std::path::Path;
use std::{env, fs};

/// Compares a text with the text between its markers in a document of `docs`. With `INSTA_UPDATE=always`, as for
/// snapshots, writes it there.
pub(crate) fn assert_generated(document: &str, name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    // The package of this crate does not contain them.
    let Ok(old) = fs::read_to_string(&path) else { return };
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = old.split_once(&begin).expect("the document has the first marker");
    let (_, after) = rest.split_once(&end).expect("the document has the last marker");
    let new = [before, &begin, text, &end, after].concat();
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, new).expect("the document can be written");
    } else if old != new {
        panic!(
            "{document}: the table {name} is not what the code generates:\n{text}\n\
             INSTA_UPDATE=always cargo test writes it; then read the difference"
        );
    }
}
