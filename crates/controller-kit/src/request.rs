//! Requests about one object, whatever the scope of its kind.

use http::Request as HttpRequest;
use kube::{
    Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::Request,
};
use serde_json::Value;

type Built = Result<HttpRequest<Vec<u8>>, kube::Error>;

/// A forced server-side apply of `body`, which holds apiVersion, kind and name.
pub(crate) fn apply<K: Resource>(kind: &K::DynamicType, object: &K, manager: &str, body: &Value) -> Built {
    let parameters = PatchParams::apply(manager).force();
    paths(kind, object)
        .patch(&object.name_any(), &parameters, &Patch::Apply(body))
        .map_err(kube::Error::BuildRequest)
}

/// Likewise, of the status subresource.
pub(crate) fn apply_status<K: Resource<DynamicType = ()>>(object: &K, manager: &str, body: &Value) -> Built {
    let parameters = PatchParams::apply(manager).force();
    paths(&(), object)
        .patch_subresource("status", &object.name_any(), &parameters, &Patch::Apply(body))
        .map_err(kube::Error::BuildRequest)
}

/// A deletion of exactly this object, not of one that has its name by now, along with what it owns, as `policy` says.
pub(crate) fn delete<K: Resource>(kind: &K::DynamicType, object: &K, policy: PropagationPolicy) -> Built {
    let parameters = DeleteParams {
        propagation_policy: Some(policy),
        preconditions: Some(Preconditions { uid: object.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    paths(kind, object).delete(&object.name_any(), &parameters).map_err(kube::Error::BuildRequest)
}

fn paths<K: Resource>(kind: &K::DynamicType, object: &K) -> Request {
    Request::new(K::url_path(kind, object.namespace().as_deref()))
}
