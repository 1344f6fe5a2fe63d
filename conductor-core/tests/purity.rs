//! The core does not use libraries that touch a host. `conductor-core/clippy.toml` refuses such calls of the
//! standard library.

use std::process::Command;

/// Libraries for buses, system calls, files, threads and networks.
const TOUCHES_A_HOST: [&str; 10] =
    ["async-io", "mio", "nix", "rayon", "rustix", "socket2", "tempfile", "tokio", "ureq", "zbus"];

#[test]
fn nothing_that_touches_a_host_is_linked() {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--offline", "--package=conductor-compiler", "--edges=normal"]);
    tree.args(["--target=all", "--prefix=none", "--format={p}"]);
    let output = tree.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let linked = || tree.lines().filter_map(|line| line.split(' ').next());
    assert!(linked().any(|name| name == "handlebars"), "it lists something else:\n{tree}");
    let touches: Vec<_> = linked().filter(|name| TOUCHES_A_HOST.contains(name)).collect();
    assert_eq!(touches, [""; 0]);
}
