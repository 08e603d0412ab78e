//! What a reconcile has found out, and is to be answered.

use std::time::Duration;

use crate::{
    extras::Live,
    messages,
    observe::{Failing, Health},
    template::{self, Route},
    validate::{ValidPlan, ValidPort},
};

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
