//! What was made for claims, as far as it can be looked at when they are gone.

use async_trait::async_trait;
use controller_kit::Cache;
use kube::{Resource, core::ApiResource};
use provisioner_kit::{Identity, Possession, Possessions};

use crate::{dereference::Caches, names::Names};

#[async_trait]
impl Possessions for Caches {
    fn watched(&self) -> Vec<Possession> {
        let Self { volumes, services, databases, .. } = self;
        [all(volumes), all(services), all(databases)].concat()
    }

    async fn secrets(&self, claim: &Identity) -> Result<Vec<String>, kube::Error> {
        Ok(vec![Names::of(&claim.namespace, &claim.name).secret])
    }
}

fn all<K: Resource<DynamicType = ()> + Clone + 'static>(cache: &Cache<K>) -> Vec<Possession> {
    let kind = ApiResource::erase::<K>(&());
    let objects = cache.list_all(|_| true).into_iter();
    objects.map(|object| Possession { kind: kind.clone(), meta: object.meta().clone() }).collect()
}
