//! Parts of documents that are generated: a test compares them, or writes them when it is told to.

use std::path::Path;
use std::{env, fs};

/// Compares a text with what stands between its markers in a document of `docs`, and writes it there with
/// `INSTA_UPDATE=always`, as snapshots are.
pub(crate) fn assert_generated(document: &str, name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    // A package of this crate alone comes without them.
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
