//! Splits the image of a container into `image` and `revision`.

use conductor_core::definition::Runtime;
use conductor_core::value::ImageReference;

/// An image as a definition names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) revision: String,
    /// A tag that the digest makes meaningless.
    pub(crate) ignored_tag: Option<String>,
}

/// Splits the name of an image. For podman, a short name gets the registry that docker would use.
pub(crate) fn split(text: &str, runtime: Runtime) -> Option<Image> {
    let reference: ImageReference = text.parse().ok()?;
    let revision = reference.revision().map_or("latest".to_owned(), |it| it.to_string());
    let ignored_tag = reference.digest.is_some().then_some(reference.tag).flatten();
    let name = match runtime {
        Runtime::Podman => qualified(&reference.name),
        Runtime::Docker | Runtime::Native => reference.name,
    };
    Some(Image { name, revision, ignored_tag })
}

/// Returns the name with its registry. Podman on Debian has no registry for short names.
fn qualified(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

/// Returns whether the image is of a kind whose init system must be the first process.
pub(crate) fn has_its_own_init(name: &str) -> bool {
    const MAKERS: [&str; 5] =
        ["linuxserver/", "lscr.io/", "hotio/", "nextcloud/all-in-one", "crazymax/"];
    MAKERS.iter().any(|maker| name.contains(maker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_split() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, runtime, name, revision) in [
            ("nginx", Runtime::Docker, "nginx", "latest"),
            ("nginx:1.27", Runtime::Podman, "docker.io/library/nginx", "1.27"),
            ("grafana/loki:3", Runtime::Podman, "docker.io/grafana/loki", "3"),
            ("localhost:5000/a", Runtime::Podman, "localhost:5000/a", "latest"),
            (&format!("a@{digest}"), Runtime::Docker, "a", &digest),
        ] {
            let image = split(text, runtime).unwrap();
            assert_eq!((image.name.as_str(), image.revision.as_str()), (name, revision));
        }
        let both = split(&format!("a:v1@{digest}"), Runtime::Docker).unwrap();
        assert_eq!(both.ignored_tag.as_deref(), Some("v1"));
        assert_eq!(split("a b", Runtime::Docker), None);
    }
}
