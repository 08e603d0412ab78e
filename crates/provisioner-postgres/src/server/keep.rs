//! What is written down of a claim: before anything is made, and when another login is handed out.

use api_types::{DeprovisionPolicy, ResourceClaim};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_kit::{Marks, Retry, Written};
use serde_json::{Map, Value};

use super::{
    Case, FINALIZER, OnServer, Stop, conclude,
    decide::Obstacle,
    deprovision, judge,
    names::{Base, Mark},
    provide::{self, Provided},
    record::Record,
    rotation, secrets,
    settings::ServerSettings,
    target,
};
use crate::{NAME, credentials::Password};

impl OnServer {
    /// Holds the claim and writes down what is going to be made, in an order in which the credentials never go before the
    /// database: a claim that is to drop it is held before it owns them, and disowns them before it is let go.
    pub(super) async fn keep(
        &self,
        case: &Case<'_>,
        secret: Option<Secret>,
    ) -> Result<(Secret, Record), Stop> {
        let drops = case.claim.policy == DeprovisionPolicy::Delete;
        if drops {
            self.hold(case.object, true).await?;
        }
        let marks = Marks::of(&case.claim, NAME);
        let (secret, record) = match secret {
            Some(secret) => {
                let mut record = Record::read(&secret).ok_or_else(|| judge::damaged(&case.names))?;
                // The status is of this very claim, and has outputs only once the database was there.
                let status = case.object.status.as_ref();
                record.provisioned |= status.is_some_and(|status| status.outputs_revision.is_some());
                (self.write(secret, &marks, &record, &case.settings).await?, record)
            }
            None => {
                let record = self.begin(case).await?;
                let secret = secrets::build(&case.names, &marks, &record, &case.settings);
                (settled(self.secrets.create(&secret).await?, &case.settings)?, record)
            }
        };
        if !drops {
            self.hold(case.object, false).await?;
        }
        Ok((secret, record))
    }

    /// What is going to be made for a claim without a Secret. If that was lost, what is there gets another login.
    async fn begin(&self, case: &Case<'_>) -> Result<Record, Stop> {
        let mark = Mark::of(&case.claim);
        let found = deprovision::find(&case.server, &mark).await;
        let found = found.map_err(|failure| conclude::failed(&failure, &case.settings, None))?;
        let (base, login) = found.unwrap_or_else(|| (Base::of(&case.claim), 1));
        let status = case.object.status.as_ref();
        Ok(Record {
            base,
            login,
            password: Password::generate()?,
            provisioned: status.is_some_and(|status| status.outputs_revision.is_some()),
            rotated_at: Timestamp::now(),
            rotated_for: case.object.annotations().get(rotation::ANNOTATION_ROTATE).cloned(),
        })
    }

    /// Makes a login with a new password, and hands it out. Until it is written down that it is there, the old one is in
    /// force; a login that was made and not written down gets another password by the next attempt.
    pub(super) async fn rotate(
        &self,
        case: &Case<'_>,
        secret: &Secret,
        record: &Record,
        asked: Option<&str>,
    ) -> Result<(Secret, Record), Stop> {
        let next = Record {
            login: record.login.saturating_add(1),
            password: Password::generate()?,
            rotated_at: Timestamp::now(),
            rotated_for: asked.map(str::to_owned),
            ..record.clone()
        };
        let target = target(case, &next);
        let outputs = || Some(record.outputs(&case.settings, secret));
        let logins = match provide::prepare_login(&case.server, &target, next.login).await {
            Ok(Provided::Complete(logins)) => logins,
            // What this pass does with the login of before comes to the same, and is the answer.
            Ok(Provided::Hindered(Obstacle::Gone(_))) => return Ok((secret.clone(), record.clone())),
            Ok(Provided::Hindered(obstacle)) => return Err(conclude::hindered(&obstacle, case).into()),
            Err(failure) => return Err(conclude::failed(&failure, &case.settings, outputs())),
        };
        tracing::info!(login = next.username(), "handing out a new login");
        let marks = Marks::of(&case.claim, NAME);
        let patch = secrets::replacing(secret, &marks, &next, &case.settings, &logins.present);
        Ok((self.patch(secret.clone(), patch, &case.settings).await?, next))
    }

    pub(super) async fn write(
        &self,
        live: Secret,
        marks: &Marks,
        record: &Record,
        settings: &ServerSettings,
    ) -> Result<Secret, Stop> {
        let patch = secrets::missing(&live, marks, record, settings);
        self.patch(live, patch, settings).await
    }

    async fn patch(
        &self,
        live: Secret,
        patch: Option<Map<String, Value>>,
        settings: &ServerSettings,
    ) -> Result<Secret, Stop> {
        match patch {
            None => Ok(live),
            Some(patch) => settled(self.secrets.patch(&live, patch).await?, settings),
        }
    }

    pub(super) async fn hold(&self, object: &ResourceClaim, wanted: bool) -> Result<(), Stop> {
        match FINALIZER.set(&self.client, &self.claims, object, wanted).await? {
            true => Ok(()),
            false => Err(Stop::Wait(Retry::Soon)),
        }
    }
}

fn settled(written: Written, settings: &ServerSettings) -> Result<Secret, Stop> {
    match written {
        Written::Secret(secret) => Ok(*secret),
        Written::Outdated => Err(Stop::Wait(Retry::Soon)),
        Written::Refused(message) => Err(conclude::refused(&message, settings).into()),
    }
}
