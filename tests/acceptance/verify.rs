//! Every rendered case passes `systemd-analyze verify` on a real systemd, without a warning.

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::cases;
use crate::host::Host;
use crate::pool::{Company, Pool};
use crate::ran::Ran;

/// Verifies the units of the directory `$0` with the remaining arguments as options.
///
/// verify also checks that executables exist. The cases name some that the sandbox lacks, such as docker, so
/// these are created as empty files during the check.
const VERIFY: &str = r#"
cd "$0"
made=
for program in $(sed -n 's/^Exec[A-Za-z]*=[-:]*"\([^"]*\)".*/\1/p' *.service | sort -u); do
    # systemd leaves an empty file where it bound one.
    [ -x "$program" ] && continue
    mkdir -p "${program%/*}"
    install -m 755 /dev/null "$program"
    made="$made $program"
done
status=0
for unit in *.service *.timer *.target; do
    systemd-analyze "$@" verify "./$unit" || status=$?
done
rm -f $made
exit $status
"#;

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let rendered = cases::names().into_iter().filter(|case| {
        let renders = cases::arguments(case).first().is_some_and(|word| word == "render");
        renders && cases::ends_well(case)
    });
    let trial = |case: String| {
        pool.trial(Company::Others, format!("verify::{case}"), move |pool| {
            pool.run(|host| verify(host, &case))
        })
    };
    rendered.map(trial).collect()
}

fn verify(host: &Host, case: &str) {
    let arguments = cases::arguments(case);
    let user = arguments.iter().any(|word| word == "--user");
    let out = format!("/tmp/{case}");
    let enter = |program: &str| match user {
        true => host.sandbox.command_as_operator(program).expect("an operator"),
        false => host.sandbox.command(program),
    };
    let mut render = enter("env");
    render.args(["-C", &format!("/mnt/{case}"), "conductor"]).args(arguments);
    Ran::new(render.args(["--out", &out])).exits(0);

    let scope = if user { "--user" } else { "--system" };
    let mut verify = enter("sh");
    let ran = Ran::new(verify.args(["-uc", VERIFY, &out, scope, "--man=no"])).exits(0);
    assert_eq!(ran.stderr, "", "{ran}");
    host.sh(&format!("rm -r {out}"));
}
