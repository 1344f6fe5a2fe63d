//! The scenes of the demo. Each shows commands, and checks what it says about them.

mod change;
mod define;
mod deploy;
mod heal;
mod health;
mod jobs;
mod mistake;
mod rollback;
mod run;
mod shop;
pub(crate) mod stack;
mod views;

use crate::failure::Failure;
use crate::operator::Operator;

/// The path of the main definition.
const HELLO: &str = "/etc/conductor/services/hello.yaml";

/// Plays every scene.
pub(crate) fn play_all(operator: &Operator<'_>) -> Result<(), Failure> {
    let scenes = [
        define::play,
        run::play,
        heal::play,
        health::play,
        change::play,
        mistake::play,
        views::play,
        deploy::play,
        rollback::play,
        jobs::play,
    ];
    scenes.iter().try_for_each(|play| play(operator))
}
