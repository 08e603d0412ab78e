//! Step 4b: the objects that a template adds. They are of kinds that are known only at run time, so no watch shows
//! them: they are looked at when the template changes, and now and then.
//!
//! What was made is found again by the inventory, an annotation on the main object. It names an object before that is
//! made and until it is gone, so whenever the process dies, the next one finds everything.

mod inventory;
mod memory;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use api_types::Reason;
use controller_kit::{Applied, Applier, Created, Kinds, Served};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};
use object_template::{ObjectKind, Place};
use serde_json::Value;

pub use self::inventory::{ANNOTATION_OBJECTS, Inventory};
use self::memory::Memory;
use crate::{
    apply::{Stance, stance},
    messages::{self, PREDECESSOR, Refusal},
    observe::{Failing, Health, Underway},
    template::{Extra, Misfit},
    validate::Identity,
};

/// How long until it is looked again whether an object is gone of whose end no watch tells.
const LEAVING: Duration = Duration::from_secs(5);

/// Makes and removes the objects that templates add.
pub struct Extras {
    client: Client,
    applier: Applier,
    kinds: Kinds,
    memory: Memory,
}

/// An object that could neither be read nor written nor was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server, or the way to it, objects to something that may mend itself.
    #[error("failed to {action} {place}")]
    Request {
        /// What was tried.
        action: &'static str,
        /// Of what.
        place: String,
        /// Why it failed.
        source: kube::Error,
    },
    /// Somebody else made it between the look and the write.
    #[error("{0} was made by somebody else a moment ago")]
    InTheWay(String),
}

/// Whether there is anything to do.
#[derive(Debug)]
pub enum Survey {
    /// This, which may be nothing.
    Go(Work),
    /// Nothing may be done at all.
    Stop(Health),
}

/// An object as it is, and its place.
pub type Live = (Place, Value);

/// What is left to do, and what has to be on record before.
#[derive(Debug)]
pub struct Work {
    inventory: Inventory,
    todo: Todo,
}

#[derive(Debug)]
enum Todo {
    /// All was well a while ago. These are the objects as they were then.
    Nothing(Vec<Live>),
    /// These are to be made, or looked over.
    Make(Vec<(Extra, Found)>),
}

impl Work {
    /// Nothing to do, and nothing to record.
    pub fn none() -> Self {
        Self { inventory: Inventory::default(), todo: Todo::Nothing(Vec::new()) }
    }

    /// What must be on record before the work is done.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }
}

/// Where an object is asked for, and the object if there is one.
#[derive(Clone, Debug)]
struct Found {
    resource: ApiResource,
    live: Option<DynamicObject>,
}

/// What became of an object that nobody wants any more.
enum Pruned {
    /// There is none, or none of this plan's.
    Gone,
    /// The platform withdrew its kind, so it can no longer be touched.
    Withheld,
}

/// What became of the objects.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// The cluster holds those that are wanted, as they are here, and no other.
    Done(Vec<Live>),
    /// The API server said no.
    Refused(Failing),
}

impl Extras {
    /// Makes objects of the kinds in `allowed` alone.
    pub fn new(client: Client, applier: Applier, allowed: impl IntoIterator<Item = ObjectKind>) -> Self {
        let kinds = Kinds::new(client.clone(), allowed.into_iter().map(|kind| kind.gvk()));
        Self { client, applier, kinds, memory: Memory::default() }
    }

    /// Removes what `recorded` names and is no longer `wanted`, and tells what is left to do so that the cluster holds
    /// what is.
    ///
    /// # Errors
    /// If the API server cannot be asked, or answers with something that the next attempt may mend.
    pub async fn prepare(
        &self,
        identity: &Identity,
        wanted: &[Extra],
        recorded: &Inventory,
    ) -> Result<Survey, Error> {
        if let Some(live) = self.memory.recall(identity, wanted, recorded, Instant::now()) {
            return Ok(Survey::Go(Work { inventory: recorded.clone(), todo: Todo::Nothing(live) }));
        }
        let mut make = Vec::new();
        for extra in wanted {
            match self.find_wanted(identity, extra).await? {
                Ok(found) => make.push((extra.clone(), found)),
                Err(health) => return Ok(Survey::Stop(health)),
            }
        }
        let mut places: BTreeSet<_> = wanted.iter().map(|extra| extra.place.clone()).collect();
        let stale: Vec<_> = recorded.0.difference(&places).cloned().collect();
        for place in stale {
            if let Pruned::Withheld = self.prune(identity, &place).await? {
                places.insert(place);
            }
        }
        Ok(Survey::Go(Work { inventory: Inventory(places), todo: Todo::Make(make) }))
    }

    /// Removes everything that `recorded` names.
    ///
    /// # Errors
    /// If the API server cannot be asked, or answers with something that the next attempt may mend.
    pub async fn remove(&self, identity: &Identity, recorded: &Inventory) -> Result<(), Error> {
        for place in &recorded.0 {
            let _: Pruned = self.prune(identity, place).await?;
        }
        Ok(())
    }

    /// Does `work`, after its inventory was recorded.
    ///
    /// # Errors
    /// If the API server answers with something that the next attempt may mend.
    pub async fn make(&self, identity: &Identity, work: Work) -> Result<Written, Error> {
        let make = match work.todo {
            Todo::Nothing(live) => return Ok(Written::Done(live)),
            Todo::Make(make) => make,
        };
        let wanted: Vec<_> = make.iter().map(|(extra, _)| extra.clone()).collect();
        let mut live = Vec::new();
        for (extra, found) in make {
            let (place, part) = (extra.place.clone(), extra.part.clone());
            match self.write(extra, found).await {
                Ok(object) => live.push((place, serde_json::to_value(object).unwrap_or_default())),
                Err(error) => return refused(part, &error).map(Written::Refused).ok_or(error),
            }
        }
        self.memory.keep(identity, &wanted, &work.inventory, live.clone(), Instant::now());
        Ok(Written::Done(live))
    }

    /// How long until the objects of `identity` are to be looked at again.
    pub fn again(&self, identity: &Identity) -> Option<std::time::Duration> {
        self.memory.again(identity, Instant::now())
    }

    /// The object that stands where `extra` is to be, or why there can be none.
    async fn find_wanted(&self, identity: &Identity, extra: &Extra) -> Result<Result<Found, Health>, Error> {
        let place = &extra.place;
        let kind = &place.kind;
        let misfit = |why: String| Failing::from(messages::misfit(&Misfit::new(&extra.part, why)));
        let failing = match self.kinds.served(&kind.gvk()).await.map_err(request("look for", place))? {
            Served::Yes(resource) => {
                let found = self.find(identity, place, resource).await?;
                match found.live.as_ref().map_or(Stance::Ours, |live| stance(&live.metadata, identity)) {
                    Stance::Ours => return Ok(Ok(found)),
                    Stance::Leaving => return Ok(Err(Health::Underway(leaving()))),
                    Stance::Foreign => taken(place).slowly(),
                }
            }
            Served::Withheld => misfit(format!("{kind} is not among the kinds that templates may make here")),
            Served::Unbound => misfit(format!("{kind} does not belong to a namespace")),
            // The kind may be installed at any time, and nothing would tell.
            Served::Missing => misfit(format!("the cluster has no {kind}")).slowly(),
        };
        Ok(Err(Health::Failing(failing)))
    }

    /// Removes the object at `place`, if it is this plan's.
    async fn prune(&self, identity: &Identity, place: &Place) -> Result<Pruned, Error> {
        let resource = match self.kinds.served(&place.kind.gvk()).await.map_err(request("look for", place))? {
            Served::Yes(resource) => resource,
            Served::Withheld => return Ok(Pruned::Withheld),
            Served::Unbound | Served::Missing => return Ok(Pruned::Gone),
        };
        let found = self.find(identity, place, resource).await?;
        let ours = found.live.filter(|live| stance(&live.metadata, identity) == Stance::Ours);
        if let Some(live) = ours {
            self.applier.delete_as(&found.resource, &live).await.map_err(request("delete", place))?;
        }
        Ok(Pruned::Gone)
    }

    async fn find(&self, identity: &Identity, place: &Place, resource: ApiResource) -> Result<Found, Error> {
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &identity.namespace, &resource);
        let live = api.get_opt(place.name.as_str()).await.map_err(request("look for", place))?;
        Ok(Found { resource, live })
    }

    async fn write(&self, extra: Extra, found: Found) -> Result<DynamicObject, Error> {
        let Extra { place, object: wanted, .. } = extra;
        let Some(live) = found.live else {
            let created = self.applier.create_as(&found.resource, wanted).await;
            return match created.map_err(request("create", &place))? {
                Created::Written(object) => Ok(object),
                Created::InTheWay => Err(Error::InTheWay(place.to_string())),
            };
        };
        let applied = self.applier.apply_as(&found.resource, wanted, Some(&live)).await;
        match applied.map_err(request("apply", &place))? {
            Applied::Unchanged => Ok(live),
            Applied::Written(object) => Ok(object),
        }
    }
}

fn request(action: &'static str, place: &Place) -> impl FnOnce(kube::Error) -> Error {
    let place = place.to_string();
    move |source| Error::Request { action, place, source }
}

fn leaving() -> Underway {
    Underway { again: Some(LEAVING), ..Underway::because(PREDECESSOR) }
}

fn taken(place: &Place) -> Failing {
    Failing::from(Refusal {
        reason: Reason::PermissionDenied,
        message: messages::extra_taken(&place.to_string()),
    })
}

/// What to tell the user of a refusal, if it is one.
fn refused(part: String, error: &Error) -> Option<Failing> {
    let Error::Request { source: kube::Error::Api(status), .. } = error else { return None };
    let misfit = || messages::misfit(&Misfit::new(part, &status.message));
    let refused = matches!(status.code, 400 | 403 | 422);
    refused.then(|| Failing::from(messages::refusal(&status.message).unwrap_or_else(misfit)).slowly())
}

#[cfg(test)]
mod tests;
