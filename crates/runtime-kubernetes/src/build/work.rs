//! The main object, by the kind of work.

use std::{collections::BTreeMap, sync::Arc};

use api_types::metadata::labels;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, StatefulSet, StatefulSetSpec},
        batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use super::{ANNOTATION_REPLICAS, ANNOTATION_RUN, claim_templates, governing_name, metadata, selector};
use crate::{
    FIELD_MANAGER,
    main_object::Main,
    validate::{Identity, ValidPlan},
    values::{ConcurrencyPolicy, Run, Scaling, Schedule, Work},
};

/// What makes instances of `template` for `plan`.
pub(super) fn build(plan: &ValidPlan, template: PodTemplateSpec) -> Main {
    let identity = &plan.identity;
    match &plan.work {
        Work::Deployment(scaling) => Main::Deployment(Arc::new(deployment(identity, scaling, template))),
        Work::StatefulSet(scaling) => Main::StatefulSet(Arc::new(stateful_set(plan, scaling, template))),
        Work::Job(run) => {
            let metadata = ObjectMeta { annotations: Some(run_annotations(plan)), ..metadata(identity) };
            Main::Job(Arc::new(Job { metadata, spec: Some(job_spec(run, template)), status: None }))
        }
        Work::CronJob(schedule, run) => {
            let run = JobTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(&identity.name, FIELD_MANAGER)),
                    annotations: Some(run_annotations(plan)),
                    ..ObjectMeta::default()
                }),
                spec: Some(job_spec(run, template)),
            };
            Main::CronJob(Arc::new(cron_job(identity, schedule, run)))
        }
    }
}

fn deployment(identity: &Identity, scaling: &Scaling, template: PodTemplateSpec) -> Deployment {
    let spec = DeploymentSpec {
        replicas: replicas(scaling),
        selector: label_selector(identity),
        template,
        ..DeploymentSpec::default()
    };
    Deployment { metadata: scaled_metadata(identity, scaling), spec: Some(spec), status: None }
}

fn stateful_set(plan: &ValidPlan, scaling: &Scaling, template: PodTemplateSpec) -> StatefulSet {
    let identity = &plan.identity;
    let claims = claim_templates(plan);
    let spec = StatefulSetSpec {
        replicas: replicas(scaling),
        selector: label_selector(identity),
        service_name: Some(governing_name(identity)),
        // In order, a template whose instances never get ready could only be replaced after somebody deleted them by
        // hand. In parallel, the next roll-out mends it.
        pod_management_policy: Some("Parallel".into()),
        volume_claim_templates: (!claims.is_empty()).then_some(claims),
        template,
        ..StatefulSetSpec::default()
    };
    StatefulSet { metadata: scaled_metadata(identity, scaling), spec: Some(spec), status: None }
}

fn job_spec(run: &Run, template: PodTemplateSpec) -> JobSpec {
    JobSpec {
        completions: Some(run.completions),
        parallelism: Some(run.parallelism),
        backoff_limit: run.backoff_limit,
        active_deadline_seconds: run.active_deadline_seconds,
        template,
        ..JobSpec::default()
    }
}

fn cron_job(identity: &Identity, schedule: &Schedule, run: JobTemplateSpec) -> CronJob {
    let policy =
        ConcurrencyPolicy::ALL.into_iter().find(|(_, policy)| *policy == schedule.concurrency_policy);
    let spec = CronJobSpec {
        schedule: schedule.schedule.clone(),
        time_zone: schedule.time_zone.clone(),
        concurrency_policy: policy.map(|(name, _)| name.to_owned()),
        successful_jobs_history_limit: Some(schedule.completed_kept),
        failed_jobs_history_limit: Some(schedule.failed_kept),
        job_template: run,
        ..CronJobSpec::default()
    };
    CronJob { metadata: metadata(identity), spec, status: None }
}

fn run_annotations(plan: &ValidPlan) -> BTreeMap<String, String> {
    [(ANNOTATION_RUN.to_owned(), plan.run.clone())].into()
}

/// Says as well who decides how many instances there are, which the number alone does not tell.
fn scaled_metadata(identity: &Identity, scaling: &Scaling) -> ObjectMeta {
    let annotation = replicas(scaling).map(|it| [(ANNOTATION_REPLICAS.to_owned(), it.to_string())].into());
    ObjectMeta { annotations: annotation, ..metadata(identity) }
}

/// Absent where others decide, so that nobody is fought.
fn replicas(scaling: &Scaling) -> Option<i32> {
    match scaling {
        Scaling::Fixed(replicas) => Some(*replicas),
        Scaling::Whoever | Scaling::Automatic(_) => None,
    }
}

fn label_selector(identity: &Identity) -> LabelSelector {
    LabelSelector { match_labels: Some(selector(identity)), ..LabelSelector::default() }
}
