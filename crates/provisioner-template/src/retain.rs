//! Before all else: what is to outlive the claim is released from it.
//!
//! What a claim owns goes with it, whatever the claim says by then. A claim that is Failed, or waits for a chart, would
//! take along what its policy has come to keep. So all that is on record is released, whatever is declared by now, and
//! whether or not that can be made; the values of the objects first, see [`crate::record`].

use api_types::DeprovisionPolicy;
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client, core::ApiResource};
use provisioner_kit::{Claim, Pass, Released, Retry, release};
use resource_template::{Place, generated_name};

use crate::{
    NAME,
    external::is_of_api,
    objects::{Objects, Spot},
    record::Inventory,
};

/// Releases what `claim` leaves behind when it is deleted, as far as it is on record. Says when to look again: never, if
/// all of it is released.
pub async fn retain(client: &Client, objects: &Objects, claim: &Claim) -> Retry {
    if claim.policy == DeprovisionPolicy::Delete {
        return Retry::Never;
    }
    let name = generated_name(&claim.name);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &claim.namespace);
    let record = match secrets.get_opt(&name).await {
        // A finalizer holds the claim until what leads to the API is released.
        Ok(record) => record.filter(|record| !is_of_api(record)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot see what the claim is to leave");
            return Retry::Soon;
        }
    };
    let Some(record) = record else { return Retry::Never };
    let kind = ApiResource::erase::<Secret>(&());
    let mut again = released(client, claim, &kind, &record.metadata).await;
    // Only where that is refused it goes on without it: objects without their values are better than none.
    if again == Retry::Soon {
        return again;
    }
    for place in Inventory::of(Some(&record)).0 {
        again = sooner(again, at(client, objects, claim, &place).await);
    }
    again
}

/// Releases what is at `place`, and says when to look again.
async fn at(client: &Client, objects: &Objects, claim: &Claim, place: &Place) -> Retry {
    match objects.look(&claim.namespace, place).await {
        Ok(Spot::Open(kind, Some(live))) => released(client, claim, &kind, &live.metadata).await,
        Ok(Spot::Open(_, None) | Spot::Shut(_)) => Retry::Never,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot see what the claim is to leave");
            Retry::Soon
        }
    }
}

async fn released(client: &Client, claim: &Claim, kind: &ApiResource, live: &ObjectMeta) -> Retry {
    let (kind_name, name) = (kind.kind.as_str(), live.name.as_deref());
    match release(client, NAME, claim, kind, live).await {
        Ok(Released::Unchanged | Released::Written(_)) => Retry::Never,
        Ok(Released::Outdated) => Retry::Soon,
        Ok(Released::Refused(words)) => {
            // Of a Secret it may hold a part of it.
            let words = if kind_name == "Secret" { "" } else { words.as_str() };
            tracing::warn!(kind = kind_name, name, words, "the API server refuses to release an object");
            Retry::Rarely
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(kind = kind_name, name, error, "cannot release an object");
            Retry::Soon
        }
    }
}

/// `pass`, but looked at again when `retry` says, if that is sooner.
pub fn no_later(pass: Pass, retry: Retry) -> Pass {
    match pass {
        Pass::Answered(answer) => {
            let retry = sooner(answer.retry, retry);
            Pass::Answered(answer.retry(retry))
        }
        Pass::Waits(other) => Pass::Waits(sooner(other, retry)),
    }
}

fn sooner(one: Retry, other: Retry) -> Retry {
    let rank = |retry: Retry| match retry {
        Retry::Busy => 0,
        Retry::Soon | Retry::After(_) => 1,
        Retry::Rarely => 2,
        Retry::Checked => 3,
        Retry::Never => 4,
    };
    if rank(other) < rank(one) { other } else { one }
}
