//! What a reconcile has found out, and is to be answered.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    extras::Live,
    messages,
    observe::{Failing, Health},
    template::{self, Route},
    validate::{ValidPlan, ValidPort},
};

/// How long a way in from outside may take to open: where a load balancer is made for it, that is minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// What there is to say.
pub(super) struct Finding {
    pub(super) health: Health,
    /// What there is to say although all is well.
    pub(super) remark: Option<&'static str>,
    /// Whether the ports answer.
    pub(super) serves: bool,
    pub(super) ports: Vec<ValidPort>,
    /// By the names of resources, the URLs that they give the Workload.
    pub(super) claim_urls: Vec<(String, String)>,
    /// The ways in from outside, and whether each is open.
    pub(super) routes: Vec<(Route, bool)>,
    /// What has run to its end by now.
    pub(super) completed_run: Option<String>,
    /// When to look again although nothing changes.
    pub(super) again: Option<Duration>,
}

impl Finding {
    pub(super) fn of(plan: &ValidPlan, health: Health) -> Self {
        let completed_run = (health == Health::Completed).then(|| plan.run.clone());
        let (ports, claim_urls) = (plan.ports.clone(), plan.claim_urls.clone());
        Self { ports, claim_urls, completed_run, ..Self::bare(health) }
    }

    pub(super) fn refused(problems: &[String]) -> Self {
        Self::bare(Health::Failing(Failing::projection(messages::problems(problems))))
    }

    fn bare(health: Health) -> Self {
        Self {
            health,
            remark: None,
            serves: false,
            ports: Vec::new(),
            claim_urls: Vec::new(),
            routes: Vec::new(),
            completed_run: None,
            again: None,
        }
    }
}

/// Which of `routes` are open, by the objects that make them.
pub(super) fn with_doors(routes: Vec<Route>, live: &[Live]) -> Vec<(Route, bool)> {
    let is_open =
        |route: &Route| live.iter().any(|(at, object)| *at == route.extra.place && template::open(object));
    let routes = routes.into_iter().map(|route| (is_open(&route), route));
    routes.map(|(open, route)| (route, open)).collect()
}

/// What to say of `routes` that do not open, or when it will be time to.
pub(super) fn of_closed(
    routes: &[(Route, bool)],
    live: &[Live],
    now: Timestamp,
) -> (Option<&'static str>, Option<Duration>) {
    let closed = routes.iter().filter(|(_, open)| !open);
    let made = closed.filter_map(|(route, _)| live.iter().find(|(at, _)| *at == route.extra.place));
    let since = made.filter_map(|(_, object)| created(object)).min();
    let Some(since) = since else { return (None, None) };
    let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    match PATIENCE.checked_sub(waited).filter(|rest| !rest.is_zero()) {
        Some(rest) => (None, Some(rest)),
        None => (Some(messages::NO_WAY_IN), None),
    }
}

fn created(object: &Value) -> Option<Timestamp> {
    object["metadata"]["creationTimestamp"].as_str()?.parse().ok()
}
