//! The SQL of each step. Every name and text is quoted by `postgres-protocol`.

use postgres_protocol::{
    escape::{escape_identifier, escape_literal},
    password::scram_sha_256,
};

use super::{
    decide::{Desired, Step},
    observe::Dialect,
    settings::SchemaGrant,
};
use crate::credentials::Password;

/// What every role of ours is, as far as one that is no superuser may say so.
const PLAIN: &str = "INHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT -1 VALID UNTIL 'infinity'";

/// The SQL of `step`, which is run as one transaction. A login that is made gets `password`.
pub fn statement(step: &Step, desired: &Desired, password: &Password, dialect: Dialect) -> String {
    let owner = escape_identifier(desired.base.as_str());
    let login = |number: &u32| escape_identifier(&desired.base.login(*number));
    let mark =
        |role: &str| format!("COMMENT ON ROLE {role} IS {}", escape_literal(&desired.mark.to_string()));
    // Roles and databases have names of their own each, so both may be called the same.
    let database = &owner;
    match step {
        Step::CreateOwner => format!("CREATE ROLE {owner} NOLOGIN INHERIT; {}", mark(&owner)),
        Step::CreateLogin(number) => {
            let (login, secret) = (login(number), verifier(password));
            format!(
                "CREATE ROLE {login} LOGIN INHERIT PASSWORD {secret} IN ROLE {owner}; {}; \
                 ALTER ROLE {login} SET role = {}",
                mark(&login),
                escape_literal(desired.base.as_str())
            )
        }
        Step::Mark(role) => mark(&escape_identifier(role)),
        Step::Administer(role) => administer(role, dialect),
        Step::Demote(role) => {
            format!("ALTER ROLE {} NOSUPERUSER NOREPLICATION NOBYPASSRLS", escape_identifier(role))
        }
        Step::RestoreOwner => format!("ALTER ROLE {owner} NOLOGIN {PLAIN}"),
        Step::RestoreLogin(number) => {
            let login = login(number);
            format!(
                "ALTER ROLE {login} LOGIN {PLAIN}; GRANT {owner} TO {login}{}; ALTER ROLE {login} SET role = {}",
                options(dialect),
                escape_literal(desired.base.as_str())
            )
        }
        Step::CreateDatabase => {
            format!("CREATE DATABASE {database} OWNER {owner} CONNECTION LIMIT {}", limit(desired))
        }
        Step::RestoreDatabase => format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT ALL ON DATABASE {database} TO {owner}; \
             ALTER DATABASE {database} CONNECTION LIMIT {} ALLOW_CONNECTIONS true",
            limit(desired)
        ),
        Step::DropLogin(number) => drop_login(&desired.base.login(*number)),
    }
}

/// Lets the provisioner act for `role`, and gives it the privileges of that role.
pub fn administer(role: &str, dialect: Dialect) -> String {
    format!("GRANT {} TO CURRENT_USER{}", escape_identifier(role), options(dialect))
}

/// What makes a member of whoever is a member already and may not act.
fn options(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Membership => "",
        Dialect::Options => " WITH INHERIT TRUE, SET TRUE",
    }
}

/// Removes a login that owns nothing.
pub fn drop_login(login: &str) -> String {
    format!("DROP ROLE IF EXISTS {}", escape_identifier(login))
}

fn limit(desired: &Desired) -> String {
    desired.connection_limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string())
}

/// The server is given what it verifies the password by, so that no log of its holds the password.
fn verifier(password: &Password) -> String {
    escape_literal(&scram_sha_256(password.expose().as_bytes()))
}

/// Gives `role` this password.
pub fn set_password(role: &str, password: &Password) -> String {
    format!("ALTER ROLE {} PASSWORD {}", escape_identifier(role), verifier(password))
}

/// Lets nobody log in as `role` any more.
pub fn lock(role: &str) -> String {
    format!("ALTER ROLE {} NOLOGIN", escape_identifier(role))
}

/// Gives `owner` what `role` owns in the database that this is run in, and takes from the role what it was granted.
pub fn hand_over(role: &str, owner: &str) -> String {
    let (role, owner) = (escape_identifier(role), escape_identifier(owner));
    format!("REASSIGN OWNED BY {role} TO {owner}; DROP OWNED BY {role}")
}

/// Removes a database, whoever is connected to it.
pub fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", escape_identifier(name))
}

/// Removes a role, and what it owns or was granted in the provisioner's own database.
pub fn drop_role(name: &str) -> String {
    let role = escape_identifier(name);
    format!("DROP OWNED BY {role}; DROP ROLE IF EXISTS {role}")
}

/// Adds an extension to the database that this is run in, to its schema `public` unless it has one of its own.
pub fn create_extension(name: &str) -> String {
    format!("SET LOCAL search_path TO public; CREATE EXTENSION IF NOT EXISTS {}", escape_identifier(name))
}

/// Gives a role of the platform its privileges in the database `database`, in which this is run.
pub fn grant(grant: &SchemaGrant, database: &str) -> String {
    let (role, database) = (escape_identifier(&grant.role), escape_identifier(database));
    let privileges = grant.privileges.join(", ");
    let schema = match privileges.as_str() {
        "" => String::new(),
        privileges => format!("; GRANT {privileges} ON SCHEMA public TO {role}"),
    };
    format!("GRANT CONNECT ON DATABASE {database} TO {role}{schema}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one quoted identifier as PostgreSQL does, and returns what follows it.
    fn unquoted(text: &str) -> (String, &str) {
        let mut rest = text.strip_prefix('"').unwrap();
        let mut name = String::new();
        loop {
            let end = rest.find('"').unwrap();
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => (name, rest) = (name + "\"", more),
                None => return (name, rest),
            }
        }
    }

    #[test]
    fn whatever_the_platform_names_stays_a_name() {
        for name in &workload_gen::hostile_texts() {
            let sql = create_extension(name);
            let (_, quoted) = sql.split_once("CREATE EXTENSION IF NOT EXISTS ").unwrap();
            assert_eq!(unquoted(quoted), (name.clone(), ""), "{sql}");
            let sql = drop_database(name);
            let (read, rest) = unquoted(sql.strip_prefix("DROP DATABASE IF EXISTS ").unwrap());
            assert_eq!((&read, rest), (name, " WITH (FORCE)"));
        }
    }

    #[test]
    fn options_of_a_membership_are_named_where_there_are_any() {
        assert_eq!(administer("a", Dialect::Membership), "GRANT \"a\" TO CURRENT_USER");
        let named = "GRANT \"a\" TO CURRENT_USER WITH INHERIT TRUE, SET TRUE";
        assert_eq!(administer("a", Dialect::Options), named);
    }

    #[test]
    fn no_statement_holds_a_password() {
        let password = Password::generate().unwrap();
        let sql = set_password("role", &password);
        assert!(!sql.contains(password.expose()) && sql.contains("SCRAM-SHA-256$"), "{sql}");
    }
}
