//! Runs the examples: none of them needs a systemd.

#[path = "../examples/crontab.rs"]
mod crontab;
#[path = "../examples/deploy.rs"]
mod deploy;
#[path = "../examples/from_async.rs"]
mod from_async;
#[path = "../examples/own_template.rs"]
mod own_template;
#[path = "../examples/plan_directory.rs"]
mod plan_directory;
#[path = "../examples/render.rs"]
mod render;

#[test]
fn each_example_runs() -> Result<(), Box<dyn std::error::Error>> {
    render::main()?;
    own_template::main()?;
    plan_directory::main()?;
    deploy::main()?;
    from_async::main()?;
    crontab::main()?;
    Ok(())
}
