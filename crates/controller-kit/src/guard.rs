//! Objects that a watch may meet although they do not parse.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Resource, core::DynamicResourceScope};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use crate::tree;

/// An object of kind `K`, or what is known of one that is not a `K` as this program understands it: what lies too deep
/// within others is no part of a `K`, unless `CUT`, when it is left out.
///
/// Like kube's `DeserializeGuard`, which however turns a watch of metadata into one of whole objects and copies each, and
/// does not help where an object lies so deep that the parser gives up all that comes with it.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<K, const CUT: bool = false>(pub(crate) Result<K, Malformed>);

/// An object that does not parse.
#[derive(Clone, Debug)]
pub(crate) struct Malformed {
    pub(crate) metadata: ObjectMeta,
    pub(crate) error: String,
}

/// The same objects as `api`, guarded.
pub(crate) fn guarded<K: Resource<DynamicType = ()>, const CUT: bool>(api: Api<K>) -> Api<Guarded<K, CUT>> {
    let namespace = api.namespace().unwrap_or_default().to_owned();
    Api::all(api.into_client()).constrain(&namespace)
}

impl<'de, K: DeserializeOwned, const CUT: bool> Deserialize<'de> for Guarded<K, CUT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree::Read { value, is_cut } = tree::read(deserializer)?;
        let object = if is_cut && !CUT {
            Err(format!("its maps and lists lie more than {} levels deep", tree::LEVELS))
        } else {
            K::deserialize(&value).map_err(|error| error.to_string())
        };
        object.map(Ok).or_else(|error| malformed(&value, error).map(Err)).map(Self).map_err(D::Error::custom)
    }
}

fn malformed(raw: &Value, error: String) -> Result<Malformed, serde_json::Error> {
    let metadata = ObjectMeta::deserialize(&raw["metadata"])?;
    Ok(Malformed { metadata, error })
}

impl<K: Resource<DynamicType = ()>, const CUT: bool> Resource for Guarded<K, CUT> {
    type DynamicType = ();
    // Whatever the scope of K is: `guarded` takes it from an Api that was built for it.
    type Scope = DynamicResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }
    fn metadata_api() -> bool {
        K::metadata_api()
    }
    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|malformed| &malformed.metadata, K::meta)
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|malformed| &mut malformed.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
    use kube::{ResourceExt as _, core::PartialObjectMeta};
    use serde_json::json;

    use super::*;
    use crate::testing::TestApiServer;

    #[test]
    fn an_object_that_does_not_parse_keeps_its_name() {
        let pod: Guarded<Pod> =
            serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {"containers": "none"}}))
                .unwrap();
        assert_eq!(pod.name_any(), "a");
        assert!(pod.0.unwrap_err().error.contains("invalid type"));
    }

    #[test]
    fn an_object_that_parses_is_itself() {
        let map: Guarded<ConfigMap> =
            serde_json::from_value(json!({"metadata": {"name": "a"}, "data": {"key": "value"}})).unwrap();
        assert_eq!(map.0.unwrap().data.unwrap()["key"], "value");
    }

    #[tokio::test]
    async fn guarding_changes_neither_the_path_nor_the_size_of_what_is_watched() {
        let client = TestApiServer::new().client();
        assert_eq!(guarded::<_, false>(Api::<Pod>::all(client.clone())).resource_url(), "/api/v1/pods");
        assert_eq!(guarded::<_, true>(Api::<Node>::all(client.clone())).resource_url(), "/api/v1/nodes");
        let one = guarded::<_, false>(Api::<Pod>::namespaced(client, "team"));
        assert_eq!(one.resource_url(), "/api/v1/namespaces/team/pods");
        assert!(Guarded::<PartialObjectMeta<Pod>>::metadata_api());
        assert!(!Guarded::<Pod>::metadata_api());
    }
}
