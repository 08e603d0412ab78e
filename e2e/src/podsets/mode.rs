//! How the installation under test holds pods.

use anyhow::ensure;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use podset_types::SCHEDULER;
use serde_json::{Value, json};

use super::PodSets;
use crate::wait::{PATIENCE, eventually};
use crate::{Result, controllers};

/// How it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By gates that an admission policy gives; the cluster's own scheduler binds.
    Gates,
    /// By a scheduler that asks the planner's extender.
    Extender,
}

impl Mode {
    /// That of the installation in the cluster.
    pub(super) async fn of(client: &Client) -> Result<Self> {
        let there = schedulers(client).get_opt(SCHEDULER).await?.is_some();
        Ok(if there { Self::Extender } else { Self::Gates })
    }
}

fn schedulers(client: &Client) -> Api<Deployment> {
    Api::namespaced(client.clone(), controllers::namespace_of(controllers::PLANNER))
}

impl PodSets {
    /// Whether the installation holds pods like this. What is promised of the other kind alone says so and ends here.
    pub fn holds_by(&self, mode: Mode) -> bool {
        if self.mode != mode {
            println!("needs an installation that holds pods by {mode:?}; this one does by {:?}", self.mode);
        }
        self.mode == mode
    }

    /// What binds the pods of sets, as a change of a pod's spec.
    pub fn scheduler(&self) -> Value {
        match self.mode {
            Mode::Gates => json!({}),
            Mode::Extender => json!({"schedulerName": SCHEDULER}),
        }
    }

    /// Lets the extender listen to this port of its pod, and waits until it does.
    ///
    /// # Errors
    /// There is no scheduler that asks it, or it does not start.
    pub async fn move_extender(&self, port: u16) -> Result {
        let deployments = schedulers(&self.client);
        let mut deployment = deployments.get(SCHEDULER).await?;
        let pod = deployment.spec.as_mut().and_then(|spec| spec.template.spec.as_mut());
        let arguments =
            pod.into_iter().flat_map(|pod| &mut pod.containers).flat_map(|one| &mut one.args).flatten();
        let mut listens: Vec<_> =
            arguments.filter(|argument| argument.starts_with("--extender-listen=")).collect();
        ensure!(listens.len() == 1, "{} containers listen to the scheduler", listens.len());
        listens.iter_mut().for_each(|argument| **argument = format!("--extender-listen=127.0.0.1:{port}"));
        deployments.replace(SCHEDULER, &Default::default(), &deployment).await?;
        eventually("the scheduler is rolled", PATIENCE, async || {
            let Deployment { metadata, spec, status } = deployments.get(SCHEDULER).await?;
            let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let Some(status) = status.filter(|status| status.observed_generation == metadata.generation)
            else {
                return Ok(None);
            };
            let all = |count: Option<i32>| count.unwrap_or_default() == wanted;
            let is_rolled =
                all(status.updated_replicas) && all(status.ready_replicas) && all(status.replicas);
            Ok(is_rolled.then_some(()))
        })
        .await
    }
}
