//! Steps that run programs: image pulls and hooks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use conductor_core::name::ServiceId;
use conductor_core::plan::{Hook, Step};
use conductor_core::release::Images;
use conductor_core::unit::EngineImage;
use conductor_core::value::Digest;
use futures_util::future::{Either, join, select};
use futures_util::lock::Mutex;

use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::event::Event;
use crate::host::Host;
use crate::report::Cause;
use crate::system::{JobError, JobType};
use crate::words::JobResult;

/// The requested images, and whether each is present or, with `true`, was pulled. An image that several services need is
/// pulled once.
#[derive(Default)]
pub(super) struct Pulls(RefCell<BTreeMap<(EngineImage, bool), Turn>>);

/// The turn of one service after the other, and whether the image is there.
type Turn = Rc<Mutex<bool>>;

impl<H: Host> Executor<'_, H> {
    /// Pulls an image; unless it is present, or `always`.
    pub(super) async fn pull(
        &self,
        image: &EngineImage,
        always: bool,
        step: &Step,
        service: &ServiceId,
    ) -> Result<(), Cause> {
        let key = (image.clone(), always);
        let present = Rc::clone(self.pulls.0.borrow_mut().entry(key).or_default());
        let mut present = present.lock().await;
        if *present || !always && self.host.image(image).await.is_some() {
            *present = true;
            return Ok(());
        }
        let mut tell = |line: &str| self.tell_output(service, step, line);
        let pulling = Box::pin(self.host.pull(image, &mut tell));
        match select(pulling, Box::pin(self.interruption.wait())).await {
            Either::Left((pulled, _)) => pulled?,
            Either::Right(..) => return Err(Cause::Interrupted),
        }
        *present = true;
        Ok(())
    }

    /// Keeps an image under a tag.
    pub(super) async fn tag(
        &self,
        image: &EngineImage,
        id: Option<&Digest>,
        tag: &str,
    ) -> Result<(), Cause> {
        let reference = id.map_or(image.reference.as_str(), Digest::as_str).to_owned();
        let source = EngineImage { engine: image.engine, reference };
        let Some(id) = id else { return Ok(self.host.tag_image(&source, tag).await?) };
        if self.host.image(&source).await.is_none() {
            let (image, engine) = (&image.reference, image.engine.program());
            let id = id.short();
            let said =
                format!("{engine} no longer has the image {id}, and {image} is another one now");
            return Err(Cause::ImageGone { said });
        }
        Ok(self.host.tag_image(&source, tag).await?)
    }

    /// Plans a service again after its images were pulled: what follows depends on them.
    pub(super) async fn plan_again(
        &self,
        pulled: &[(EngineImage, bool)],
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<(), Cause> {
        let Some(replan) = self.replan else { return Ok(()) };
        let service = run.plan.service.clone();
        let mut images = Images::new();
        for (image, _) in pulled {
            images.extend(self.host.image(image).await.map(|local| (image.clone(), local)));
        }
        let pulled = pulled.iter().filter(|(_, always)| *always);
        let pulled: Vec<_> = pulled.map(|(image, _)| image.clone()).collect();
        let plan =
            replan(&service, &pulled, images).map_err(|error| Cause::Plan(Arc::new(error)))?;
        for text in plan.reasons.iter().chain(&plan.notes) {
            self.tell(Event::note(&service, text));
        }
        run.replace(plan);
        Ok(())
    }

    /// Removes an image. If something still uses it, it stays, which is not a failure.
    pub(super) async fn remove_image(&self, image: &EngineImage, service: &ServiceId) {
        if let Err(error) = self.host.remove_image(image).await {
            let text = format!("the image {} was not removed: {error}", image.reference);
            self.tell(Event::note(service, text));
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
        let mut tell = |line: &str| self.tell_output(service, step, line);
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
            JobError::Result(JobResult::Timeout) => Cause::HookTimeout,
            error => Cause::from(error),
        }))
    }
}
