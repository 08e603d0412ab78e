//! Server-side apply that writes only what changes.

use api_types::metadata::{ANNOTATION_APPLIED, ANNOTATION_TRACEPARENT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Client, Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    digest::{digest, document, strip},
    request,
    subset::holds,
    trace::current_traceparent,
};

/// Writes what a controller decides, as one field manager. Cheap to clone.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    field_manager: &'static str,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "record what was written in the cache it was read from"]
pub enum Applied<K> {
    /// Nothing was sent: the live object is as desired.
    Unchanged,
    /// The object as the API server holds it now.
    Written(K),
}

impl<K> Applied<K> {
    /// The object that the API server answered with, if anything was written.
    pub fn written(self) -> Option<K> {
        match self {
            Self::Unchanged => None,
            Self::Written(object) => Some(object),
        }
    }
}

impl Applier {
    /// Writes with `client` in the name of `field_manager`.
    pub fn new(client: Client, field_manager: &'static str) -> Self {
        Self { client, field_manager }
    }

    /// Applies `desired`, of which the status is left out, unless `live` shows that this would change nothing: it was
    /// last applied with the same content, and still holds all of it. Conflicts are decided for this manager.
    ///
    /// What it writes carries a digest of `desired` and, if the current span is sampled, its traceparent.
    ///
    /// Secrets must be given as `data`: `stringData` is never read back and so would be written each time.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to.
    pub async fn apply<K>(&self, mut desired: K, live: Option<&K>) -> Result<Applied<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
    {
        strip(desired.meta_mut());
        let content = document(&desired).map_err(kube::Error::SerdeError)?;
        let digest = digest(&content);
        if let Some(live) = live
            && live.annotations().get(ANNOTATION_APPLIED) == Some(&digest)
            && holds(&document(live).map_err(kube::Error::SerdeError)?, &content)
        {
            return Ok(Applied::Unchanged);
        }
        desired.annotations_mut().insert(ANNOTATION_APPLIED.to_owned(), digest);
        if let Some(traceparent) = current_traceparent() {
            desired.annotations_mut().insert(ANNOTATION_TRACEPARENT.to_owned(), traceparent);
        }
        let body = document(&desired).map_err(kube::Error::SerdeError)?;
        let request = request::apply(&desired, self.field_manager, &body)?;
        self.client.request(request).await.map(Applied::Written)
    }

    /// Applies `desired` as the whole status of `object`, unless it equals `live`'s. It never reaches an object that
    /// was recreated under the same name.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to; "not found" if the object is gone.
    pub async fn apply_status<K, S>(
        &self,
        object: &K,
        desired: &S,
        live: Option<&S>,
    ) -> Result<Applied<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
        S: Serialize,
    {
        let status = serde_json::to_value(desired).map_err(kube::Error::SerdeError)?;
        let live = serde_json::to_value(live).map_err(kube::Error::SerdeError)?;
        if live == status {
            return Ok(Applied::Unchanged);
        }
        let request = request::apply_status(object, self.field_manager, &status_document(object, status))?;
        self.client.request(request).await.map(Applied::Written)
    }

    /// Deletes exactly this object along with what it owns. One that is gone already, or that was recreated under
    /// the same name, is success.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn delete<K: Resource<DynamicType = ()>>(&self, object: &K) -> Result<(), kube::Error> {
        match self.client.request::<Value>(request::delete(object)?).await {
            Ok(_) => Ok(()),
            // The only precondition is the uid, so a conflict says that this name is someone else's by now.
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn status_document<K: Resource<DynamicType = ()>>(object: &K, status: Value) -> Value {
    let mut document = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": object.name_any()},
        "status": status,
    });
    let parts = [("namespace", object.namespace()), ("uid", object.uid())];
    for (field, value) in parts.into_iter().filter_map(|(field, value)| Some((field, value?))) {
        document["metadata"][field] = value.into();
    }
    document
}

/// A reference that makes `owner`, an object read from the API server, the controller of what carries it: it goes
/// when the owner goes, and the owner's foreground deletion waits for it.
///
/// For an object with several owners clear `controller`, of which there can be only one.
pub fn owner_reference<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.name_any(),
        uid: owner.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
