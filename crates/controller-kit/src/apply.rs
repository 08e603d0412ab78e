//! Server-side apply that writes only what changes.

use api_types::metadata::{ANNOTATION_APPLIED, ANNOTATION_TRACEPARENT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Client, Resource, ResourceExt as _, api::PropagationPolicy};
use serde::{
    Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Error, Value, json};

use crate::{
    digest::{digest, document, strip},
    guard::{Guarded, Malformed},
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

/// What became of an object that was to be created.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "what is in the way has to be looked at, and what was written to be recorded"]
pub enum Created<K> {
    /// The object as the API server holds it now.
    Written(K),
    /// Something has its name already, and was left as it is: look again.
    InTheWay,
}

/// A resourceVersion that no object has: the store counts from here on before it holds the first.
const NEVER: &str = "1";

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
    pub async fn apply<K>(&self, desired: K, live: Option<&K>) -> Result<Applied<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
    {
        self.apply_as(&(), desired, live).await
    }

    /// Whether [`Self::apply`] would write.
    ///
    /// # Errors
    /// If one of the two cannot be JSON.
    pub fn would_write<K>(&self, desired: &K, live: Option<&K>) -> Result<bool, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + Clone,
    {
        let mut desired = desired.clone();
        strip(desired.meta_mut());
        let content = document(&(), &desired).map_err(kube::Error::SerdeError)?;
        is_applied(&(), &content, live).map(|is_applied| !is_applied)
    }

    /// As [`Self::apply`], of a kind that is known only at run time.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to.
    pub async fn apply_as<K>(
        &self,
        kind: &K::DynamicType,
        mut desired: K,
        live: Option<&K>,
    ) -> Result<Applied<K>, kube::Error>
    where
        K: Resource + Serialize + DeserializeOwned + Clone,
    {
        strip(desired.meta_mut());
        let content = document(kind, &desired).map_err(kube::Error::SerdeError)?;
        if is_applied(kind, &content, live)? {
            return Ok(Applied::Unchanged);
        }
        let body = signed(kind, desired.clone(), &content)?;
        let request = request::apply(kind, &desired, self.field_manager, &body)?;
        self.client.request(request).await.map(Applied::Written)
    }

    /// Creates `desired` as [`Self::apply`] would, and never touches what has its name already, even if that was made
    /// only a moment ago: then the answer is [`Created::InTheWay`].
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn create<K>(&self, desired: K) -> Result<Created<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
    {
        self.create_as(&(), desired).await
    }

    /// As [`Self::create`], of a kind that is known only at run time.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn create_as<K>(&self, kind: &K::DynamicType, mut desired: K) -> Result<Created<K>, kube::Error>
    where
        K: Resource + Serialize + DeserializeOwned + Clone,
    {
        strip(desired.meta_mut());
        let content = document(kind, &desired).map_err(kube::Error::SerdeError)?;
        let mut body = signed(kind, desired.clone(), &content)?;
        // A POST would be owned by another field manager than the applies that follow, which then could not remove
        // what it set. An apply of a version that is not that of the live object is refused; where there is none,
        // the version is ignored.
        body["metadata"]["resourceVersion"] = NEVER.into();
        let request = request::apply(kind, &desired, self.field_manager, &body)?;
        match self.client.request(request).await {
            Ok(created) => Ok(Created::Written(created)),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Created::InTheWay),
            Err(error) => Err(error),
        }
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
        // Also of an object that nests too deep to be read has a status: that says so.
        let Guarded(answer) = self.client.request::<Guarded<K, true>>(request).await?;
        let malformed = |malformed: Malformed| kube::Error::SerdeError(Error::custom(malformed.error));
        answer.map(Applied::Written).map_err(malformed)
    }

    /// Leaves `fields` of `object`, with the values given, to whoever changes them next. An [`Self::apply`] that no
    /// longer sets what it has set resets it, unless that was left before.
    ///
    /// # Errors
    /// Whatever the API server or the way to it objects to.
    pub async fn leave<K>(&self, object: &K, fields: Value) -> Result<K, kube::Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let mut body = identifying(object);
        if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
            body.extend(fields);
        }
        // Fields that nobody owns are reset, so that they stay needs somebody else to own them.
        let successor = format!("{}-left", self.field_manager);
        let request = request::apply(&(), object, &successor, &body)?;
        self.client.request(request).await
    }

    /// Deletes exactly this object along with what it owns. One that is gone already, or that was recreated under
    /// the same name, is success.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn delete<K: Resource<DynamicType = ()>>(&self, object: &K) -> Result<(), kube::Error> {
        self.delete_as(&(), object).await
    }

    /// As [`Self::delete`], of a kind that is known only at run time.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn delete_as<K: Resource>(&self, kind: &K::DynamicType, object: &K) -> Result<(), kube::Error> {
        // Not the default, by which Jobs leave their pods behind.
        self.delete_with(kind, object, PropagationPolicy::Background).await
    }

    /// As [`Self::delete`], but what it owns goes first: until that has stopped, the object stays, marked as deleted.
    /// For what must not run beside its successor.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn delete_after_dependents<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
    ) -> Result<(), kube::Error> {
        self.delete_with(&(), object, PropagationPolicy::Foreground).await
    }

    /// As [`Self::delete`], but nothing but this version of the object. Tells whether it is gone; if not, it has changed.
    ///
    /// # Errors
    /// Whatever else the API server or the way to it objects to.
    pub async fn delete_unchanged<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
    ) -> Result<bool, kube::Error> {
        let version = object.resource_version();
        let request = request::delete(&(), object, PropagationPolicy::Background, version)?;
        match self.client.request::<Value>(request).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Merges `body` into `object`.
    pub(crate) async fn merge<K>(&self, object: &K, body: &Value) -> Result<K, kube::Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        self.client.request(request::merge(object, self.field_manager, body)?).await
    }

    async fn delete_with<K: Resource>(
        &self,
        kind: &K::DynamicType,
        object: &K,
        policy: PropagationPolicy,
    ) -> Result<(), kube::Error> {
        match self.client.request::<Value>(request::delete(kind, object, policy, None)?).await {
            Ok(_) => Ok(()),
            // The only precondition is the uid, so a conflict says that this name is someone else's by now.
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether `live` was last applied with this content, and still holds all of it.
fn is_applied<K: Resource + Serialize>(
    kind: &K::DynamicType,
    content: &Value,
    live: Option<&K>,
) -> Result<bool, kube::Error> {
    let Some(live) = live.filter(|live| live.annotations().get(ANNOTATION_APPLIED) == Some(&digest(content)))
    else {
        return Ok(false);
    };
    Ok(holds(&document(kind, live).map_err(kube::Error::SerdeError)?, content))
}

/// The body of an apply of `desired`, with the digest of its `content` and the current trace.
fn signed<K: Resource + Serialize>(
    kind: &K::DynamicType,
    mut desired: K,
    content: &Value,
) -> Result<Value, kube::Error> {
    desired.annotations_mut().insert(ANNOTATION_APPLIED.to_owned(), digest(content));
    if let Some(traceparent) = current_traceparent() {
        desired.annotations_mut().insert(ANNOTATION_TRACEPARENT.to_owned(), traceparent);
    }
    document(kind, &desired).map_err(kube::Error::SerdeError)
}

fn status_document<K: Resource<DynamicType = ()>>(object: &K, status: Value) -> Value {
    let mut document = identifying(object);
    document["status"] = status;
    document
}

/// What says that a document is about this object and none that has its name by now.
fn identifying<K: Resource<DynamicType = ()>>(object: &K) -> Value {
    let mut document = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": object.name_any()},
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
