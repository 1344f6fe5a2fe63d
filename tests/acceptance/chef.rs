//! The cookbook for Chef (`integrations/chef`): its specs and RuboCop, in a sandbox that has Ruby.

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Trial;

use crate::pool::Pool;
use crate::ran::Ran;

/// Where the sandbox has the repository.
const COOKBOOK: &str = "cd /usr/local/src/integrations/chef";

/// The commands, as the cookbook's README has them.
const COMMANDS: [(&str, &str); 3] = [
    ("every_file_is_ruby", "find . -name '*.rb' -exec ruby -wc {} +"),
    ("rubocop_finds_nothing", "rubocop --cache false"),
    ("the_specs_pass", "rspec"),
];

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial = |(name, command): (&str, &'static str)| {
        let pool = Arc::clone(pool);
        Trial::test(format!("chef::{name}"), move || {
            let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
            pool.run_with_ruby(repository, |host| {
                let mut inside = host.sandbox.command("timeout");
                inside.args(["500", "sh", "-ec", &format!("{COOKBOOK}; {command}")]);
                Ran::new(&mut inside).exits(0);
            })
        })
    };
    COMMANDS.into_iter().map(trial).collect()
}
