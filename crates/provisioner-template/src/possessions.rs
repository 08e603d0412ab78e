//! What was made for claims, as far as it can be looked at when they are gone.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use provisioner_kit::{Identity, Possession, Possessions, Sightings};
use resource_template::generated_name;

use crate::record::Inventory;

/// What watches have shown, and the Secrets that the records name.
pub struct Made {
    /// Reads the records.
    pub client: Client,
    /// What watches have shown.
    pub sightings: Sightings,
}

#[async_trait]
impl Possessions for Made {
    fn watched(&self) -> Vec<Possession> {
        self.sightings.all()
    }

    async fn secrets(&self, claim: &Identity) -> Result<Vec<String>, kube::Error> {
        let record = generated_name(&claim.name);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &claim.namespace);
        let made = Inventory::of(secrets.get_opt(&record).await?.as_ref()).0.into_iter();
        let names = made.filter(|place| place.kind.is_secret()).map(|place| place.name.to_string());
        Ok(names.chain([record]).collect())
    }
}
