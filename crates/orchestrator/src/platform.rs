//! What the platform decides for a Workload: the backend that runs it and the provisioner of each dependency.

use api_types::{DeprovisionPolicy, OpenObject, Template, TemplateKind};

/// The platform's choices. Deterministic: the same question always has the same answer.
#[derive(Clone, Debug)]
pub struct Platform {
    backends: Vec<Backend>,
    provisioners: Vec<Provisioner>,
}

/// A way to run Workloads.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// The profile that it serves.
    pub profile: String,
    /// Its name, unique in the platform.
    pub id: String,
    /// The runtime that makes plans for it run.
    pub runtime_class: String,
    /// What the runtime builds from.
    pub template: Template,
}

/// A provisioner, and what it is told for a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioner {
    /// The Score resource type that it serves.
    pub type_: String,
    /// The class of the type that it serves.
    pub class: String,
    /// The name under which it watches claims (`ResourceClaim.spec.provisioner`).
    pub name: String,
    /// The class's parameters.
    pub parameters: Option<OpenObject>,
    /// What becomes of the resource when its claim is deleted.
    pub deprovision_policy: DeprovisionPolicy,
}

/// The class of a resource that names none (Score: an empty class means `default`).
pub const DEFAULT_CLASS: &str = "default";

impl Platform {
    /// The platform without any configuration: profile `web-service` on runtime class `kubernetes`, and type
    /// `postgres` by `provisioner-postgres`, whose databases are made for development and go with their claim.
    pub fn builtin() -> Self {
        Self {
            backends: vec![Backend {
                profile: "web-service".into(),
                id: "kubernetes".into(),
                runtime_class: "kubernetes".into(),
                template: Template {
                    kind: TemplateKind::Manifests,
                    ref_: None,
                    values: OpenObject::default(),
                },
            }],
            provisioners: vec![Provisioner {
                type_: "postgres".into(),
                class: DEFAULT_CLASS.into(),
                name: "provisioner-postgres".into(),
                parameters: None,
                deprovision_policy: DeprovisionPolicy::Delete,
            }],
        }
    }

    /// The backend for `profile`, or for the default profile where there is none.
    ///
    /// # Errors
    /// What to tell the user, if no backend serves the profile.
    pub fn backend(&self, profile: Option<&str>) -> Result<&Backend, String> {
        match profile {
            None => self.backends.first().ok_or_else(|| {
                "The platform offers no profile to run with: ask your platform team to configure one."
                    .to_owned()
            }),
            Some(name) => self.backends.iter().find(|backend| backend.profile == name).ok_or_else(|| {
                format!(
                    "spec.profile: the platform offers no profile `{name}`: use one of {}, or leave it out.",
                    list(self.backends.iter().map(|backend| backend.profile.as_str()))
                )
            }),
        }
    }

    /// The provisioner of a resource type and class.
    ///
    /// # Errors
    /// What to tell the user, if none serves them.
    pub fn provisioner(&self, type_: &str, class: &str) -> Result<&Provisioner, String> {
        self.provisioners.iter().find(|entry| entry.type_ == type_ && entry.class == class).ok_or_else(|| {
            format!(
                "the platform offers no `{type_}` of class `{class}`: use one of {}, or ask your platform team for it",
                list(self.provisioners.iter().map(|entry| format!("{} ({})", entry.type_, entry.class)))
            )
        })
    }
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_without_profile_runs_on_the_first_backend() {
        assert_eq!(Platform::builtin().backend(None).unwrap().runtime_class, "kubernetes");
    }

    #[test]
    fn an_unknown_profile_is_answered_with_those_there_are() {
        let message = Platform::builtin().backend(Some("batch")).unwrap_err();
        assert!(message.contains("`batch`") && message.contains("`web-service`"), "{message}");
    }

    #[test]
    fn a_type_that_nobody_serves_is_answered_with_those_there_are() {
        let message = Platform::builtin().provisioner("redis", "default").unwrap_err();
        assert!(message.contains("`redis`") && message.contains("`postgres (default)`"), "{message}");
    }

    #[test]
    fn a_class_that_nobody_serves_is_no_default() {
        assert!(Platform::builtin().provisioner("postgres", "large").is_err());
    }
}
