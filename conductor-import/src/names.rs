//! Ids and names that conductor accepts, made from names that it may not.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use conductor_core::name::{ServiceId, slug};

/// Returns the first free id of NAME, PREFIX-NAME, NAME-2, ...
pub(crate) fn id(name: &str, prefix: &str, taken: &mut BTreeSet<ServiceId>) -> ServiceId {
    /// Leaves room for a number.
    const LONGEST: usize = 56;
    let label = match slug(name) {
        label if label.is_empty() => "service".to_owned(),
        label => label,
    };
    let cut = label.get(..LONGEST).unwrap_or(&label).trim_end_matches('-').to_owned();
    let numbered = (2_u32..).map(move |number| format!("{cut}-{number}"));
    let prefixed = slug(&format!("{prefix}-{label}"));
    [label, prefixed]
        .into_iter()
        .chain(numbered)
        .filter_map(|name| name.parse::<ServiceId>().ok())
        .find(|id| taken.insert(id.clone()))
        .expect("numbers do not run out")
}

/// Returns the name of a volume or a network.
pub(crate) fn label(name: &str) -> String {
    match slug(name) {
        label if label.is_empty() => "data".to_owned(),
        label => label,
    }
}

/// Returns an absolute path without `.` and `..`, as Compose computes it: links are not resolved.
pub(crate) fn absolute(base: &Path, path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in base.join(path).components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::Normal(part) => clean.push(part),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

/// Returns the name of a directory as the name of a Compose project (compose-go, `NormalizeProjectName`).
pub(crate) fn project(name: &str) -> String {
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c);
    let name: String = name.to_lowercase().chars().filter(allowed).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_once() {
        let mut taken = BTreeSet::new();
        let mut id = |name: &str| id(name, "shop", &mut taken).to_string();
        assert_eq!(
            ["My_App", "my_app", "My App", "_", "ä"].map(&mut id),
            ["my_app", "shop-my_app", "my-app", "service", "shop-service"]
        );
        assert_eq!(["my_app", "my_app"].map(&mut id), ["my_app-2", "my_app-3"]);
    }

    #[test]
    fn paths_begin_at_the_file() {
        let path = |path| absolute(Path::new("/srv/shop"), path).display().to_string();
        assert_eq!(path("./data/../x"), "/srv/shop/x");
        assert_eq!(path("../../../x"), "/x");
        assert_eq!(path("/x/./y/"), "/x/y");
        assert_eq!(project("My.Shop_1"), "myshop_1");
    }
}
