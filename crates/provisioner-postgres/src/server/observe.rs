//! What is on the server for one claim. Reads only.

use tokio_postgres::{Error, GenericClient, Row};

use super::names::{Base, Mark};

/// What was found under the names of one claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether the provisioner's own role is a superuser, which may act for every role.
    pub is_superuser: bool,
    /// What the server understands.
    pub dialect: Dialect,
    /// The role that owns the database.
    pub owner: Option<Role>,
    /// The logins, by their numbers.
    pub logins: Vec<(u32, Role)>,
    /// The database.
    pub database: Option<Database>,
}

/// How a version of PostgreSQL says that a role is a member of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Up to version 15: whoever is a member may act for the role and has its privileges.
    #[default]
    Membership,
    /// From version 16 on each membership says whether its member may. The one that a role without superuser's rights gets
    /// to a role that it makes says no to both, and a `GRANT` changes only what it names.
    Options,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Its comment, which says whose it is.
    pub comment: Option<String>,
    /// Whether it may log in.
    pub can_login: bool,
    /// Whether it may do what only a superuser may give and take.
    pub is_elevated: bool,
    /// Whether it is otherwise not as it was made.
    pub is_altered: bool,
    /// Whether the provisioner's own role may act for it.
    pub is_administered: bool,
    /// Whether it is a member of the owner.
    pub is_member: bool,
    /// Whether what it makes belongs to the owner.
    pub acts_as_owner: bool,
    /// Whether somebody is logged in.
    pub is_in_use: bool,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// The name of the role that owns it.
    pub owner: String,
    /// The most connections it takes; none if there is no limit.
    pub connection_limit: Option<u32>,
    /// Whether it takes connections at all.
    pub takes_connections: bool,
    /// Whether every role of the server may connect.
    pub is_public: bool,
    /// Whether its owner may do everything.
    pub is_owners: bool,
}

const SELF: &str = "
SELECT rolsuper, current_setting('server_version_num')::int >= 160000 FROM pg_roles WHERE rolname = current_user";

// Read by way of JSON, the columns that came with version 16 may be missing.
const ROLES: &str = "
WITH acting AS (
    SELECT m.roleid, m.member FROM pg_auth_members m, to_jsonb(m) AS options
    WHERE COALESCE((options->>'inherit_option')::boolean, true) AND COALESCE((options->>'set_option')::boolean, true))
SELECT r.rolname::text, shobj_description(r.oid, 'pg_authid'), r.rolcanlogin,
       r.rolsuper OR r.rolreplication OR r.rolbypassrls,
       r.rolcreaterole OR r.rolcreatedb OR NOT r.rolinherit OR r.rolconnlimit <> -1
         OR COALESCE(r.rolvaliduntil <> 'infinity', false),
       EXISTS (SELECT FROM acting m JOIN pg_roles a ON a.oid = m.member
               WHERE m.roleid = r.oid AND a.rolname = current_user),
       EXISTS (SELECT FROM acting m JOIN pg_roles o ON o.oid = m.roleid
               WHERE m.member = r.oid AND o.rolname = $1),
       EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0
               AND ('role=' || $1) = ANY (s.setconfig)),
       EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = r.oid)
FROM pg_roles r WHERE r.rolname = $1 OR left(r.rolname, length($1) + 1) = $1 || '_'";

const DATABASE: &str = "
SELECT pg_get_userbyid(d.datdba)::text, d.datconnlimit, d.datallowconn,
       EXISTS (SELECT FROM aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) WHERE grantee = 0),
       3 = (SELECT count(DISTINCT privilege_type) FROM aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba)))
            WHERE grantee = d.datdba)
FROM pg_database d WHERE d.datname = $1";

const MARKED: &str = "
SELECT r.rolname::text FROM pg_roles r WHERE shobj_description(r.oid, 'pg_authid') = $1 ORDER BY 1";

/// Looks at everything that has the names of `base`.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn observe(client: &impl GenericClient, base: &Base) -> Result<Observed, Error> {
    let mut observed = own_role(client).await?;
    for row in client.query(ROLES, &[&base.as_str()]).await? {
        let (name, role) = role(&row)?;
        match base.login_number(&name) {
            Some(number) => observed.logins.push((number, role)),
            None if name == base.as_str() => observed.owner = Some(role),
            // Of another database whose name begins alike.
            None => {}
        }
    }
    let row = client.query_opt(DATABASE, &[&base.as_str()]).await?;
    observed.database = row.as_ref().map(database).transpose()?;
    Ok(observed)
}

/// What the provisioner may do, and of what version the server is; nothing else.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn own_role(client: &impl GenericClient) -> Result<Observed, Error> {
    let row = client.query_one(SELF, &[]).await?;
    let dialect = if row.try_get(1)? { Dialect::Options } else { Dialect::Membership };
    Ok(Observed { is_superuser: row.try_get(0)?, dialect, ..Observed::default() })
}

fn role(row: &Row) -> Result<(String, Role), Error> {
    let role = Role {
        comment: row.try_get(1)?,
        can_login: row.try_get(2)?,
        is_elevated: row.try_get(3)?,
        is_altered: row.try_get(4)?,
        is_administered: row.try_get(5)?,
        is_member: row.try_get(6)?,
        acts_as_owner: row.try_get(7)?,
        is_in_use: row.try_get(8)?,
    };
    Ok((row.try_get(0)?, role))
}

fn database(row: &Row) -> Result<Database, Error> {
    Ok(Database {
        owner: row.try_get(0)?,
        connection_limit: u32::try_from(row.try_get::<_, i32>(1)?).ok(),
        takes_connections: row.try_get(2)?,
        is_public: row.try_get(3)?,
        is_owners: row.try_get(4)?,
    })
}

/// The names of all roles that carry `mark`.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn marked(client: &impl GenericClient, mark: &Mark) -> Result<Vec<String>, Error> {
    let rows = client.query(MARKED, &[&mark.to_string()]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
