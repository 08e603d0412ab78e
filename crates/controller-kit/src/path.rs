//! What a path of the Kubernetes API is about.

/// The parts of a path such as `/apis/<group>/<version>/namespaces/<namespace>/<plural>/<name>/<subresource>`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ApiPath {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl ApiPath {
    /// None for a path beside the resources, such as that of discovery.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", version, rest),
            ["apis", group, version, rest @ ..] => (*group, version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // Of a Namespace itself, not of something in it.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let mut rest = rest.iter().map(|segment| (*segment).to_owned());
        Some(Self {
            group: group.to_owned(),
            version: (*version).to_owned(),
            namespace,
            plural: rest.next()?,
            name: rest.next(),
            subresource: rest.next(),
        })
    }

    /// `plural.group`, or `plural` in the core group.
    pub(crate) fn resource(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!("{}{dot}{}", self.plural, self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource_and_name(path: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let path = ApiPath::parse(path).unwrap();
        (path.resource(), path.namespace, path.name, path.subresource)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_path_is_about_one_object_or_all_of_a_kind() {
        let parse = resource_and_name;
        assert_eq!(parse("/api/v1/pods"), ("pods".into(), None, None, None));
        assert_eq!(parse("/api/v1/namespaces/team/pods"), ("pods".into(), some("team"), None, None));
        assert_eq!(
            parse("/apis/score.dev/v1b1/namespaces/team/workloads/web/status"),
            ("workloads.score.dev".into(), some("team"), some("web"), some("status"))
        );
        assert_eq!(
            parse("/apis/score.dev/v1b1/platformpolicies/strict"),
            ("platformpolicies.score.dev".into(), None, some("strict"), None)
        );
    }

    #[test]
    fn a_namespace_is_an_object_too() {
        let parse = resource_and_name;
        assert_eq!(parse("/api/v1/namespaces"), ("namespaces".into(), None, None, None));
        assert_eq!(parse("/api/v1/namespaces/team"), ("namespaces".into(), None, some("team"), None));
        assert_eq!(
            parse("/api/v1/namespaces/team/status"),
            ("namespaces".into(), None, some("team"), some("status"))
        );
    }

    #[test]
    fn discovery_is_about_no_kind() {
        for path in ["/", "/api", "/apis", "/version", "/apis/score.dev", "/apis/score.dev/v1b1", "/api/v1"] {
            assert_eq!(ApiPath::parse(path), None, "{path}");
        }
    }
}
