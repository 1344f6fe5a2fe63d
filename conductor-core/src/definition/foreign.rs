//! Keys of other programs, which operators write from habit.

/// For a mapping that has the first key: a key of another program, and what to write in its place. Keys with a similar
/// name here, such as `environment`, need no entry.
const FOREIGN: [(&str, &str, &str); 11] = [
    ("image", "build", "build the image before, and write image: NAME and revision: TAG"),
    (
        "image",
        "restart",
        "remove it: a service starts again whenever it ends; one that runs to its end has type: oneshot",
    ),
    ("image", "expose", "remove it: containers of a network reach all ports of each other"),
    ("image", "links", "write networks: [NAME] for both: they find each other by their ids"),
    ("image", "mem_limit", "write limits: {memory: 512M}"),
    ("image", "cpus", "write limits: {cpu: 1.5}"),
    ("image", "scale", "write instances"),
    ("keep", "replicas", "write instances, beside deploy"),
    ("keep", "resources", "write limits, beside deploy"),
    (
        "driver_opts",
        "driver",
        "remove it: conductor makes bridges; make a network of another kind with docker or podman network create, and \
         write only its name",
    ),
    ("driver_opts", "external", "remove it: a network that is there is used as it is"),
];

/// Returns what to write in place of a key, in a mapping that has the `known` ones.
pub(super) fn hint(key: &str, known: &[&str]) -> Option<&'static str> {
    let mut entries = FOREIGN.iter();
    entries.find(|(of, foreign, _)| *foreign == key && known.contains(of)).map(|(_, _, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::FOREIGN;
    use crate::service::Service;

    #[test]
    fn keys_of_compose_have_hints_in_their_place() {
        for (of, key, hint) in FOREIGN {
            let more = match of {
                "image" => format!("{key}: x"),
                "keep" => format!("deploy: {{{key}: x}}"),
                _ => format!("networks: {{lan: {{{key}: x}}}}"),
            };
            let text = format!("id: web\nruntime: docker\nimage: web\n{more}\n");
            let problems = Service::parse(Path::new("web.yaml"), &text).unwrap_err().to_string();
            assert!(problems.contains(&format!("unknown key \"{key}\"")), "{problems}");
            assert!(problems.contains(&format!("hint: {hint}")), "{problems}");
        }
    }
}
