//! What to do about what was found: pure, and tested without a server.

use super::{
    names::{Base, Mark},
    observe::{Database, Observed, Role},
};

/// What should be on the server for a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// What database and roles are called.
    pub base: Base,
    /// What every role carries.
    pub mark: Mark,
    /// The number of the login that is handed out.
    pub login: u32,
    /// Whether the database was there once, so that it is not to be made again.
    pub provisioned: bool,
    /// Whether logins other than the one that is handed out have had their time.
    pub retires: bool,
    /// The most connections to the database.
    pub connection_limit: Option<u32>,
}

/// One change on the server. Each can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the role that owns the database, with its mark: both or neither.
    CreateOwner,
    /// Make the login with its mark, its membership and its password: all or nothing.
    CreateLogin(u32),
    /// Put the mark of this claim on the role.
    Mark(String),
    /// Let the provisioner act for the role.
    Administer(String),
    /// Take from the role what only a superuser may give.
    Demote(String),
    /// Take from the owner what it should not have.
    RestoreOwner,
    /// Give the login the attributes, the membership and the setting that it was made with.
    RestoreLogin(u32),
    /// Make the database, which belongs to the owner from the first moment.
    CreateDatabase,
    /// Let nobody in but the owner's members, and those as many as the class says.
    RestoreDatabase,
    /// Remove a login that was replaced.
    DropLogin(u32),
}

/// Why nothing may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A role has the name and is not this claim's.
    ForeignRole(String),
    /// A database has the name and is not this claim's.
    ForeignDatabase(String),
    /// The database was there once, and is no more.
    Gone(String),
}

/// What is missing of `desired`, in the order in which it is to be made.
///
/// Roles say by their mark whose they are, and a role and its mark are made in one transaction. A database cannot be made
/// in one, so what shows whose it is is its owner, which it has from the first moment.
///
/// # Errors
/// If something stands in the way that a person has to decide on.
pub fn decide(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Obstacle> {
    refuse(desired, observed)?;
    let base = desired.base.as_str();
    let mut steps = Vec::new();
    match &observed.owner {
        None => {
            steps.push(Step::CreateOwner);
            steps.extend((!observed.is_superuser).then(|| Step::Administer(base.to_owned())));
        }
        Some(role) => {
            steps.extend(common(desired, observed, base, role));
            if role.can_login || role.is_altered {
                steps.push(Step::RestoreOwner);
            }
        }
    }
    match observed.logins.iter().find(|(number, _)| *number == desired.login) {
        None => {
            steps.push(Step::CreateLogin(desired.login));
            let administer = || Step::Administer(desired.base.login(desired.login));
            steps.extend((!observed.is_superuser).then(administer));
        }
        Some((number, role)) => {
            steps.extend(common(desired, observed, &desired.base.login(*number), role));
            if !role.can_login || role.is_altered || !role.is_member || !role.acts_as_owner {
                steps.push(Step::RestoreLogin(*number));
            }
        }
    }
    match &observed.database {
        None => steps.extend([Step::CreateDatabase, Step::RestoreDatabase]),
        Some(database) if is_altered(database, desired) => steps.push(Step::RestoreDatabase),
        Some(_) => {}
    }
    steps.extend(retired(desired, observed));
    Ok(steps)
}

fn refuse(desired: &Desired, observed: &Observed) -> Result<(), Obstacle> {
    let base = desired.base.as_str();
    let is_ours = |role: &Role| desired.mark.is_same_identity(role.comment.as_deref());
    if observed.owner.as_ref().is_some_and(|owner| !is_ours(owner)) {
        return Err(Obstacle::ForeignRole(base.to_owned()));
    }
    let login = observed.logins.iter().find(|(number, _)| *number == desired.login);
    if login.is_some_and(|(_, role)| !is_ours(role)) {
        return Err(Obstacle::ForeignRole(desired.base.login(desired.login)));
    }
    match &observed.database {
        Some(database) if observed.owner.is_none() || database.owner != base => {
            Err(Obstacle::ForeignDatabase(base.to_owned()))
        }
        None if desired.provisioned => Err(Obstacle::Gone(base.to_owned())),
        _ => Ok(()),
    }
}

fn common(desired: &Desired, observed: &Observed, name: &str, role: &Role) -> Vec<Step> {
    let mut steps = Vec::new();
    if role.is_elevated {
        steps.push(Step::Demote(name.to_owned()));
    }
    if !role.is_administered && !observed.is_superuser {
        steps.push(Step::Administer(name.to_owned()));
    }
    if !desired.mark.is(role.comment.as_deref()) {
        steps.push(Step::Mark(name.to_owned()));
    }
    steps
}

fn is_altered(database: &Database, desired: &Desired) -> bool {
    database.is_public
        || !database.is_owners
        || !database.takes_connections
        || database.connection_limit != desired.connection_limit
}

/// Logins that were replaced and that nobody uses any more.
fn retired(desired: &Desired, observed: &Observed) -> Vec<Step> {
    let others = observed.logins.iter().filter(|(number, role)| {
        *number != desired.login && desired.mark.is_same_identity(role.comment.as_deref())
    });
    let unused = others.filter(|(_, role)| desired.retires && !role.is_in_use);
    unused.map(|(number, _)| Step::DropLogin(*number)).collect()
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
