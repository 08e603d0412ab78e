//! Removes from a server what is a claim's, and nothing else.

use tokio_postgres::Client;

use super::{
    connect::Server,
    failure::Failure,
    names::{Base, Mark},
    observe::{marked, observe, own_role},
    statements,
};

/// A claim's database has the name of its owner. What else belongs to that was renamed or restored by somebody, who wants it.
const OWN: &str = "
SELECT d.datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
WHERE r.rolname = ANY ($1) AND d.datname = r.rolname ORDER BY 1";

/// Drops the databases and roles of the claim with `mark`. Whose they are stands on the server, so nothing else need be
/// left of the claim; `base` is what its Secret names, if that is still there, for a claim that adopted it and went before
/// it could put its own mark on it.
///
/// # Errors
/// If the server does not do it, as while other databases belong to the claim's roles. What is gone already is no error.
pub async fn drop_all(server: &Server, mark: &Mark, base: Option<&Base>) -> Result<(), Failure> {
    server.work(async |client| run(client, mark, base).await).await
}

async fn run(client: &Client, mark: &Mark, base: Option<&Base>) -> Result<(), Failure> {
    let roles = roles(client, mark, base).await?;
    let provisioner = own_role(client).await?;
    for role in &roles {
        // Whoever made it may have died before it could act for it.
        if !provisioner.is_superuser {
            client.batch_execute(&statements::administer(role, provisioner.dialect)).await?;
        }
        // Nobody comes back in between the end of the clients and that of their database.
        client.batch_execute(&statements::lock(role)).await?;
    }
    for row in client.query(OWN, &[&roles]).await? {
        let database: String = row.try_get(0)?;
        tracing::info!(database, "dropping the database of a claim that was deleted");
        client.batch_execute(&statements::drop_database(&database)).await?;
    }
    // Logins first: they are the longer names, and members of the other.
    for role in roles.iter().rev() {
        client.batch_execute(&statements::drop_role(role)).await?;
    }
    Ok(())
}

/// The roles of the claim, in order of their names.
async fn roles(client: &Client, mark: &Mark, base: Option<&Base>) -> Result<Vec<String>, Failure> {
    let mut roles = marked(client, mark).await?;
    if let Some(base) = base {
        let observed = observe(client, base).await?;
        let logins = observed.logins.into_iter().map(|(number, role)| (base.login(number), role));
        let owner = observed.owner.into_iter().map(|role| (base.as_str().to_owned(), role));
        let ours = owner.chain(logins).filter(|(_, role)| mark.is_same_identity(role.comment.as_deref()));
        roles.extend(ours.map(|(name, _)| name));
    }
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// Whether the database of the claim with `mark` is on `server`; `base` as for [`drop_all`].
///
/// # Errors
/// If the server does not answer as it should.
pub async fn is_there(server: &Server, mark: &Mark, base: Option<&Base>) -> Result<bool, Failure> {
    let found = server.work(async |client| {
        let roles = roles(client, mark, base).await?;
        Ok(client.query(OWN, &[&roles]).await?)
    });
    Ok(!found.await?.is_empty())
}

/// The database of the claim with `mark`, and a number for its next login, if it is there although the claim's Secret
/// is lost.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn find(server: &Server, mark: &Mark) -> Result<Option<(Base, u32)>, Failure> {
    let roles = server.work(async |client| Ok(marked(client, mark).await?)).await?;
    let mut bases = roles.iter().filter_map(|role| Base::read(role));
    let is_of = |base: &Base, role: &String| role == base.as_str() || base.login_number(role).is_some();
    let base = bases.find(|base| roles.iter().all(|role| is_of(base, role)));
    Ok(base.map(|base| {
        let last = roles.iter().filter_map(|role| base.login_number(role)).max().unwrap_or(0);
        (base, last + 1)
    }))
}
