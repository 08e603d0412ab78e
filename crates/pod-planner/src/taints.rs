//! Taints and what tolerates them.

use k8s_openapi::api::core::v1;

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    NoSchedule,
    NoExecute,
    PreferNoSchedule,
}

impl Effect {
    fn read(effect: &str) -> Option<Self> {
        match effect {
            "NoSchedule" => Some(Self::NoSchedule),
            "NoExecute" => Some(Self::NoExecute),
            "PreferNoSchedule" => Some(Self::PreferNoSchedule),
            _ => None,
        }
    }

    /// Whether it keeps pods away, rather than being a wish.
    pub(crate) fn is_hard(self) -> bool {
        self != Self::PreferNoSchedule
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) effect: Effect,
    value: String,
}

impl Taint {
    /// One that Kubernetes knows by its key alone.
    pub(crate) fn no_schedule(key: &str) -> Self {
        Self { key: key.to_owned(), effect: Effect::NoSchedule, value: String::new() }
    }

    /// None for an effect that the scheduler passes over, too.
    pub(crate) fn read(taint: &v1::Taint) -> Option<Self> {
        let effect = Effect::read(&taint.effect)?;
        Some(Self { key: taint.key.clone(), effect, value: taint.value.clone().unwrap_or_default() })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Toleration {
    /// Of any key if none is given.
    key: Option<String>,
    /// Of any effect if none is given.
    effect: Option<Effect>,
    of: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Values {
    All,
    Equal(String),
    /// Whole numbers above this one (`Gt`).
    Above(i64),
    /// Whole numbers below this one (`Lt`).
    Below(i64),
}

impl Toleration {
    /// None for one that tolerates nothing, as the scheduler reads it.
    pub(crate) fn read(toleration: &v1::Toleration) -> Option<Self> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let value = toleration.value.clone().unwrap_or_default();
        let of = match toleration.operator.as_deref().unwrap_or_default() {
            "" | "Equal" => Values::Equal(value),
            "Exists" => Values::All,
            "Gt" => Values::Above(value.parse().ok()?),
            "Lt" => Values::Below(value.parse().ok()?),
            _ => return None,
        };
        let effect = match given(&toleration.effect) {
            Some(effect) => Some(Effect::read(&effect)?),
            None => None,
        };
        Some(Self { key: given(&toleration.key), effect, of })
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        let number = || taint.value.parse::<i64>().ok();
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.as_ref().is_none_or(|key| *key == taint.key)
            && match &self.of {
                Values::All => true,
                Values::Equal(value) => *value == taint.value,
                Values::Above(least) => number().is_some_and(|number| number > *least),
                Values::Below(most) => number().is_some_and(|number| number < *most),
            }
    }
}

/// Whether one of the tolerations is for the taint.
pub(crate) fn tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| toleration.tolerates(taint))
}

/// The first taint that keeps the pod away.
pub(crate) fn untolerated<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Option<&'a Taint> {
    taints.iter().find(|taint| taint.effect.is_hard() && !tolerated(tolerations, taint))
}
