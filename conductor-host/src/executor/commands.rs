//! Steps that run programs: image pulls and hooks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use conductor_core::name::ServiceId;
use conductor_core::plan::{Hook, Step};
use conductor_core::unit::EngineImage;
use futures_util::future::{Either, join, select};
use futures_util::lock::Mutex;

use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::event::Event;
use crate::host::Host;
use crate::report::Cause;
use crate::system::{JobError, JobType, TIMEOUT};

/// The requested images, and whether each is present. An image that several services need is pulled once.
#[derive(Default)]
pub(super) struct Pulls(RefCell<BTreeMap<EngineImage, Rc<Mutex<bool>>>>);

impl<H: Host> Executor<'_, H> {
    /// Pulls an image, unless it is present.
    pub(super) async fn pull(
        &self,
        image: &EngineImage,
        step: &Step,
        service: &ServiceId,
    ) -> Result<(), Cause> {
        let present = Rc::clone(self.pulls.0.borrow_mut().entry(image.clone()).or_default());
        let mut present = present.lock().await;
        if *present || self.host.has_image(image).await {
            *present = true;
            return Ok(());
        }
        let mut tell = |line: &str| self.tell(&Event::Output { service, step, line });
        let pulling = Box::pin(self.host.pull(image, &mut tell));
        match select(pulling, Box::pin(self.interruption.wait())).await {
            Either::Left((pulled, _)) => pulled?,
            Either::Right(..) => return Err(Cause::Interrupted),
        }
        *present = true;
        Ok(())
    }

    /// Removes an image. If something still uses it, it stays, which is not a failure.
    pub(super) async fn remove_image(&self, image: &EngineImage, service: &ServiceId) {
        if let Err(error) = self.host.remove_image(image).await {
            let text = format!("the image {} was not removed: {error}", image.reference);
            self.tell(&Event::Note { service, text: &text });
        }
    }

    /// Runs a hook to its end and reports its output. An interruption stops it.
    pub(super) async fn run_hook<W>(
        &self,
        hook: &Hook,
        step: &Step,
        run: &ServiceRun<W>,
    ) -> Result<Result<(), Cause>, Halt> {
        let service = &run.plan.service;
        let mut tell = |line: &str| self.tell(&Event::Output { service, step, line });
        let running = Box::pin(self.host.run_hook(hook, &mut tell));
        let result = if run.phase() == Phase::Undo {
            running.await?
        } else {
            match select(running, Box::pin(self.interruption.wait())).await {
                Either::Left((result, _)) => result?,
                Either::Right(((), running)) => {
                    let stopping = self.host.run_job(JobType::Stop, &hook.unit);
                    let (result, stopped) = join(running, stopping).await;
                    // The hook has ended, so the result of the stop job does not matter.
                    let _ = stopped?;
                    result?
                }
            }
        };
        Ok(result.map_err(|error| match error {
            JobError::Result(result) if result == TIMEOUT => Cause::HookTimeout,
            error => Cause::from(error),
        }))
    }
}
