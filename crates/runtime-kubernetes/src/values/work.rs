//! What kind of work the containers do, and what belongs to each kind.

use std::{fmt, time::Duration};

use super::{COUNTABLE, reader::Reader};

/// The kinds of work, by the object that Kubernetes has for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Instances that all are alike and keep running.
    #[default]
    Deployment,
    /// Instances with a name, and a volume, of their own that keep running.
    StatefulSet,
    /// Runs to its end once.
    Job,
    /// Runs to its end again and again.
    CronJob,
}

impl Kind {
    /// Every kind, by its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("Deployment", Self::Deployment),
        ("StatefulSet", Self::StatefulSet),
        ("Job", Self::Job),
        ("CronJob", Self::CronJob),
    ];

    /// Whether its instances keep running, and so can serve all the time.
    pub fn keeps_running(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, kind)| kind == self).map(|(name, _)| name);
        formatter.write_str(name.unwrap_or_default())
    }
}

/// A kind of work with everything that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Instances that all are alike and keep running.
    Deployment(Scaling),
    /// Instances with a name, and a volume, of their own that keep running.
    StatefulSet(Scaling),
    /// Runs to its end once.
    Job(Run),
    /// Runs to its end again and again.
    CronJob(Schedule, Run),
}

impl Default for Work {
    fn default() -> Self {
        Self::Deployment(Scaling::Whoever)
    }
}

impl Work {
    /// The kind alone.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Deployment(_) => Kind::Deployment,
            Self::StatefulSet(_) => Kind::StatefulSet,
            Self::Job(_) => Kind::Job,
            Self::CronJob(..) => Kind::CronJob,
        }
    }

    /// How it runs to its end, where it does.
    pub fn run(&self) -> Option<&Run> {
        match self {
            Self::Job(run) | Self::CronJob(_, run) => Some(run),
            Self::Deployment(_) | Self::StatefulSet(_) => None,
        }
    }

    /// Who decides how many instances there are, where they keep running.
    pub fn scaling(&self) -> Option<&Scaling> {
        match self {
            Self::Deployment(scaling) | Self::StatefulSet(scaling) => Some(scaling),
            Self::Job(_) | Self::CronJob(..) => None,
        }
    }
}

/// Who decides how many instances there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// Whoever scales; one as long as nobody does.
    #[default]
    Whoever,
    /// The values.
    Fixed(i32),
    /// An autoscaler.
    Automatic(Autoscaling),
}

/// The bounds in which an autoscaler decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Autoscaling {
    /// The least instances.
    pub min_replicas: i32,
    /// The most instances.
    pub max_replicas: i32,
    /// How much of the CPU that they request the instances are to use on average.
    pub target_cpu_utilization_percentage: i32,
}

/// How something runs to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many instances must complete.
    pub completions: i32,
    /// How many may run at a time.
    pub parallelism: i32,
    /// How often to try again what failed; Kubernetes' default if absent.
    pub backoff_limit: Option<i32>,
    /// How long it may take with everything that is tried again; any time if absent.
    pub active_deadline_seconds: Option<i64>,
    /// How long to keep what completed; if absent, until something else takes its place.
    pub ttl_after_completed: Option<Duration>,
}

/// When something runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// In the syntax of cron.
    pub schedule: String,
    /// Whose clock the schedule goes by, as an IANA name; the platform's if absent.
    pub time_zone: Option<String>,
    /// What happens when the time has come and the last run has not ended.
    pub concurrency_policy: ConcurrencyPolicy,
    /// How many runs that completed are kept.
    pub completed_kept: i32,
    /// How many runs that failed are kept; at least one, since from the last one it is told why it failed.
    pub failed_kept: i32,
}

/// How many runs are kept unless the values say otherwise, of those that completed and of those that failed: enough to see
/// what the last ones did.
const KEPT: (i32, i32) = (3, 1);

/// What happens when the time of a run has come and the last has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// Both run.
    #[default]
    Allow,
    /// The new one is skipped.
    Forbid,
    /// The old one is stopped.
    Replace,
}

impl ConcurrencyPolicy {
    /// Every policy, by its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("Allow", Self::Allow), ("Forbid", Self::Forbid), ("Replace", Self::Replace)];
}

/// The values that only some kinds have, and which do.
const OF_KINDS: &[(&[Kind], &[&str])] = &[
    (&[Kind::Deployment, Kind::StatefulSet], &["replicas", "autoscaling"]),
    (
        &[Kind::CronJob],
        &[
            "schedule",
            "timeZone",
            "concurrencyPolicy",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        ],
    ),
    (
        &[Kind::Job, Kind::CronJob],
        &["completions", "parallelism", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"],
    ),
];

/// Takes everything that is about the kind of work from `values`.
pub(super) fn read(values: &mut Reader<'_>) -> Work {
    let given = values.has("kind");
    let kind = values.word("kind", &Kind::ALL).or((!given).then_some(Kind::default()));
    let Some(kind) = kind else {
        // What goes with a kind that is none nobody can say: the rest is only looked at one by one.
        scaling(values);
        schedule(values);
        run(values);
        return Work::default();
    };
    refuse_others(values, kind);
    match kind {
        Kind::Deployment => Work::Deployment(scaling(values)),
        Kind::StatefulSet => Work::StatefulSet(scaling(values)),
        Kind::Job => Work::Job(run(values)),
        Kind::CronJob => {
            if !values.has("schedule") {
                values.refuse("schedule", "must be set for the kind `CronJob`");
            }
            Work::CronJob(schedule(values), run(values))
        }
    }
}

fn refuse_others(values: &mut Reader<'_>, kind: Kind) {
    for (kinds, keys) in OF_KINDS.iter().filter(|(kinds, _)| !kinds.contains(&kind)) {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let why = format!("goes with the kind {}, and the kind is `{kind}`", kinds.join(" or "));
        keys.iter().for_each(|key| values.without(key, &why));
    }
}

fn scaling(values: &mut Reader<'_>) -> Scaling {
    if values.has("replicas") && values.has("autoscaling") {
        values.refuse("replicas", "cannot be set together with `score.dev/autoscaling`");
    }
    let replicas = values.number("replicas", 0..=i32::MAX.into());
    let autoscaling = values.object("autoscaling", autoscaling).map(Scaling::Automatic);
    autoscaling.or(replicas.map(Scaling::Fixed)).unwrap_or_default()
}

fn autoscaling(values: &mut Reader<'_>) -> Autoscaling {
    if !values.has("maxReplicas") {
        values.refuse("maxReplicas", "must be set");
    }
    let min_replicas = values.number("minReplicas", COUNTABLE).unwrap_or(1);
    let max_replicas = values.number("maxReplicas", COUNTABLE).unwrap_or(min_replicas);
    if max_replicas < min_replicas {
        values.refuse("maxReplicas", "must not be less than minReplicas");
    }
    let target_cpu_utilization_percentage =
        values.number("targetCPUUtilizationPercentage", COUNTABLE).unwrap_or(80);
    Autoscaling { min_replicas, max_replicas, target_cpu_utilization_percentage }
}

fn schedule(values: &mut Reader<'_>) -> Schedule {
    Schedule {
        schedule: values.text("schedule").unwrap_or_default(),
        time_zone: values.text("timeZone"),
        concurrency_policy: values.word("concurrencyPolicy", &ConcurrencyPolicy::ALL).unwrap_or_default(),
        completed_kept: values.number("successfulJobsHistoryLimit", 0..=i32::MAX.into()).unwrap_or(KEPT.0),
        failed_kept: values.number("failedJobsHistoryLimit", COUNTABLE).unwrap_or(KEPT.1),
    }
}

fn run(values: &mut Reader<'_>) -> Run {
    let at_least_none = 0..=i32::MAX.into();
    Run {
        completions: values.number("completions", COUNTABLE).unwrap_or(1),
        parallelism: values.number("parallelism", COUNTABLE).unwrap_or(1),
        backoff_limit: values.number("backoffLimit", at_least_none.clone()),
        active_deadline_seconds: values.number("activeDeadlineSeconds", COUNTABLE),
        ttl_after_completed: values.number("ttlSecondsAfterFinished", at_least_none).map(Duration::from_secs),
    }
}
