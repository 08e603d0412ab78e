//! Kills controllers at random moments while a test goes on.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use kube::{Client, ResourceExt as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::controllers::namespace_of;
use crate::{Result, controllers, node, traces, wait};

/// A killed controller's lease has to run out, and the kubelet waits before it starts a container again.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How often something is killed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many times.
    pub kills: usize,
    /// Up to this many seconds pass before each.
    pub longest_pause: f64,
}

/// Kills controllers.
pub struct Killer {
    client: Client,
    victims: Vec<String>,
    random: StdRng,
    kills: Vec<String>,
}

impl Killer {
    /// One that kills these controllers at moments that are a function of the seed.
    pub fn new(client: &Client, victims: &[&str], seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self {
            client: client.clone(),
            victims: victims.iter().map(ToString::to_string).collect(),
            random,
            kills: Vec::new(),
        }
    }

    /// Runs a phase of the test while controllers are killed.
    ///
    /// # Errors
    /// The phase's, or that a controller cannot be killed.
    pub async fn during(&mut self, phase: &str, pace: Pace, work: impl Future<Output = Result>) -> Result {
        let killing = async {
            for _ in 0..pace.kills {
                // A random moment is the point: no condition to wait for.
                let pause = self.random.random_range(0.0..pace.longest_pause);
                tokio::time::sleep(Duration::from_secs_f64(pause)).await;
                let victim = self.victims[self.random.random_range(0..self.victims.len())].clone();
                self.kill(&victim).await?;
            }
            Ok(())
        };
        let ((), ()) = tokio::try_join!(work, killing).with_context(|| format!("during {phase}"))?;
        Ok(())
    }

    /// Kills the controller's process where it runs. The kubelet starts it again at once the first time and ever later
    /// after that, so that a pod which has been through it is replaced: the new one may meet the old one's lease.
    async fn kill(&mut self, controller: &str) -> Result {
        for pod in controllers::pods(&self.client, controller).await? {
            let was_running = node::kill(&pod).await.is_ok();
            let replaced = !was_running || controllers::restart_count(&pod) > 0;
            if replaced {
                let at_once = DeleteParams::default().grace_period(0);
                let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace_of(controller));
                pods.delete(&pod.name_any(), &at_once).await?;
            }
            self.kills.push(format!("{controller} ({})", if replaced { "and its pod" } else { "process" }));
        }
        Ok(())
    }

    /// Prints what was killed.
    ///
    /// # Errors
    /// No process was killed where it ran.
    pub fn has_killed_processes(&self) -> Result {
        println!("killed: {}", self.kills.join(", "));
        ensure!(
            self.kills.iter().any(|kill| kill.ends_with("(process)")),
            "no process was killed where it ran"
        );
        Ok(())
    }

    /// Waits until every victim runs again.
    ///
    /// # Errors
    /// One does not.
    pub async fn all_are_back(&self) -> Result {
        for name in &self.victims {
            let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), namespace_of(name));
            wait::until_there(&deployments, name, "running again", PATIENCE, traces::is_rolled_out).await?;
        }
        Ok(())
    }
}
