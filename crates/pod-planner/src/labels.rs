//! Conditions on labels, as selectors and node affinity write them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// The labels of an object.
pub(crate) type Labels = BTreeMap<String, String>;

/// What a label's value must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
    /// A whole number above this one.
    Above(i64),
    /// A whole number below this one.
    Below(i64),
}

impl Test {
    /// None if Kubernetes would not take it.
    pub(crate) fn read(operator: &str, values: Option<&Vec<String>>) -> Option<Self> {
        let values = values.map(Vec::as_slice).unwrap_or_default();
        let sorted = || {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            (!sorted.is_empty()).then_some(sorted)
        };
        let number = || match values {
            [one] => one.parse().ok(),
            _ => None,
        };
        match operator {
            "In" => sorted().map(Self::In),
            "NotIn" => sorted().map(Self::NotIn),
            "Exists" => values.is_empty().then_some(Self::Exists),
            "DoesNotExist" => values.is_empty().then_some(Self::Missing),
            "Gt" => number().map(Self::Above),
            "Lt" => number().map(Self::Below),
            _ => None,
        }
    }

    /// Whether the value, none if there is no such label, passes.
    pub(crate) fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        let among = |values: &[String], value: &str| values.iter().any(|known| known == value);
        match self {
            Self::In(values) => value.is_some_and(|value| among(values, value)),
            Self::NotIn(values) => !value.is_some_and(|value| among(values, value)),
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::Above(least) => number().is_some_and(|number| number > *least),
            Self::Below(most) => number().is_some_and(|number| number < *most),
        }
    }
}

/// A test of one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Requirement {
    pub(crate) key: String,
    pub(crate) test: Test,
}

impl Requirement {
    pub(crate) fn holds(&self, labels: &Labels) -> bool {
        self.test.holds(labels.get(&self.key).map(String::as_str))
    }
}

/// A `LabelSelector`: all requirements must hold. One that is not there (null) selects nothing, an empty one everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Selector(Option<Vec<Requirement>>);

impl Selector {
    /// None if Kubernetes would not take it.
    pub(crate) fn read(selector: Option<&LabelSelector>) -> Option<Self> {
        let Some(selector) = selector else { return Some(Self(None)) };
        let mut requirements: Vec<_> = selector
            .match_labels
            .iter()
            .flatten()
            .map(|(key, value)| Requirement { key: key.clone(), test: Test::In(vec![value.clone()]) })
            .collect();
        for expression in selector.match_expressions.iter().flatten() {
            if matches!(expression.operator.as_str(), "Gt" | "Lt") {
                return None; // of node affinity alone
            }
            let test = Test::read(&expression.operator, expression.values.as_ref())?;
            requirements.push(Requirement { key: expression.key.clone(), test });
        }
        Some(Self(Some(requirements)))
    }

    /// With one more requirement for each key that the pod has (`matchLabelKeys`, `mismatchLabelKeys`): the API server writes
    /// it into the selector when the pod is created, in which case it is there already.
    pub(crate) fn with_keys(mut self, keys: Option<&Vec<String>>, labels: &Labels, equal: bool) -> Self {
        let Some(requirements) = &mut self.0 else { return self };
        for (key, value) in keys.into_iter().flatten().filter_map(|key| labels.get_key_value(key)) {
            let values = vec![value.clone()];
            let test = if equal { Test::In(values) } else { Test::NotIn(values) };
            let requirement = Requirement { key: key.clone(), test };
            if !requirements.contains(&requirement) {
                requirements.push(requirement);
            }
        }
        self
    }

    /// As topology spread has it: without a requirement it counts nobody, as if it were not there.
    pub(crate) fn unless_empty(self) -> Self {
        Self(self.0.filter(|requirements| !requirements.is_empty()))
    }

    pub(crate) fn selects(&self, labels: &Labels) -> bool {
        self.0.as_ref().is_some_and(|requirements| requirements.iter().all(|one| one.holds(labels)))
    }
}
