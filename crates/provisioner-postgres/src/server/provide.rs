//! Makes what is missing on a server, and finds out whether what is handed out opens the database.

use tokio_postgres::Client;

use super::{
    connect::Server,
    decide::{Desired, Obstacle, Step, decide},
    failure::Failure,
    observe::observe,
    settings::ServerSettings,
    statements,
};
use crate::credentials::Password;

/// What a claim is to have on a server.
#[derive(Clone, Debug)]
pub struct Target {
    /// Roles and database.
    pub desired: Desired,
    /// The password of the login.
    pub password: Password,
    /// What is in the database.
    pub settings: ServerSettings,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provided {
    /// Everything is there.
    Complete(Logins),
    /// A person has to decide.
    Hindered(Obstacle),
}

/// Logins by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Those that were there before.
    pub present: Vec<u32>,
    /// Those of them that were replaced, have had their time and are not in use.
    pub retired: Vec<u32>,
}

/// Makes what is missing of `target`.
///
/// # Errors
/// If the server does not do it.
pub async fn provide(server: &Server, target: &Target) -> Result<Provided, Failure> {
    server.work(async |client| run(client, target).await).await
}

async fn run(client: &Client, target: &Target) -> Result<Provided, Failure> {
    let desired = &target.desired;
    let observed = observe(client, &desired.base).await?;
    let steps = match decide(desired, &observed) {
        Ok(steps) => steps,
        Err(obstacle) => return Ok(Provided::Hindered(obstacle)),
    };
    let present = observed.logins.iter().map(|(number, _)| *number).collect();
    let mut logins = Logins { present, ..Logins::default() };
    for step in steps {
        if let Step::DropLogin(number) = step {
            logins.retired.push(number);
            continue;
        }
        tracing::info!(database = desired.base.as_str(), ?step, "changing the server");
        let sql = statements::statement(&step, desired, &target.password, observed.dialect);
        client.batch_execute(&sql).await.map_err(|error| Failure::of_step(&step, error))?;
    }
    Ok(Provided::Complete(logins))
}

/// Makes the login `number` with `password`, or gives it that password.
///
/// # Errors
/// If the server does not do it.
pub async fn prepare_login(server: &Server, target: &Target, number: u32) -> Result<Provided, Failure> {
    let desired = Desired { login: number, retires: false, ..target.desired.clone() };
    let next = Target { desired, ..target.clone() };
    let provided = provide(server, &next).await?;
    if matches!(provided, Provided::Complete(_)) {
        set_password(server, &next).await?;
    }
    Ok(provided)
}

/// Puts into the database what the class says is in each.
///
/// # Errors
/// If the server does not do it.
pub async fn furnish(server: &Server, target: &Target) -> Result<(), Failure> {
    let settings = &target.settings;
    if settings.extensions.is_empty() && settings.grants.is_empty() {
        return Ok(());
    }
    let work = async {
        let database = target.desired.base.as_str();
        let client = server.visit(database).await?;
        extensions(&client, &settings.extensions).await?;
        for grant in &settings.grants {
            if !is_granted(&client, &grant.role, &grant.privileges).await? {
                client.batch_execute(&statements::grant(grant, database)).await?;
            }
        }
        Ok(())
    };
    tokio::time::timeout(server.limits().work, work).await.unwrap_or(Err(Failure::SLOW))
}

async fn extensions(client: &Client, wanted: &[String]) -> Result<(), Failure> {
    let present = installed(client).await?;
    for name in wanted.iter().filter(|name| !present.contains(name)) {
        let Err(error) = client.batch_execute(&statements::create_extension(name)).await else { continue };
        let failure = Failure::of_extension(name, error);
        // Somebody else may have added it at the same time.
        if !matches!(failure, Failure::Denied(_)) || !installed(client).await?.contains(name) {
            return Err(failure);
        }
    }
    Ok(())
}

async fn installed(client: &Client) -> Result<Vec<String>, Failure> {
    let rows = client.query("SELECT extname::text FROM pg_extension", &[]).await?;
    let names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(names)
}

async fn is_granted(client: &Client, role: &str, privileges: &[&str]) -> Result<bool, Failure> {
    // Asked of the lists of grants, so that what PUBLIC may do is not mistaken for what the role was given.
    const GRANTED: &str = "
        SELECT EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a
                       WHERE d.datname = current_database() AND a.grantee = r.oid AND a.privilege_type = 'CONNECT'),
               ARRAY(SELECT a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a
                     WHERE n.nspname = 'public' AND a.grantee = r.oid)
        FROM pg_roles r WHERE r.rolname = $1";
    let Some(row) = client.query_opt(GRANTED, &[&role]).await? else {
        return Err(Failure::Denied(format!("role \"{role}\" does not exist")));
    };
    let granted: Vec<String> = row.try_get(1)?;
    let all = privileges.iter().all(|privilege| granted.iter().any(|granted| granted == privilege));
    Ok(row.try_get(0)? && all)
}

/// Logs in as a client would. A password that somebody changed on the server is put back first.
///
/// # Errors
/// If the login does not succeed; [`Failure::Refused`] if the server does not let the login in at all.
pub async fn log_in(server: &Server, target: &Target) -> Result<(), Failure> {
    match try_login(server, target).await {
        Err(Failure::Refused) => {
            tracing::info!(database = target.desired.base.as_str(), "putting back the password of the login");
            set_password(server, target).await?;
            try_login(server, target).await
        }
        result => result,
    }
}

async fn try_login(server: &Server, target: &Target) -> Result<(), Failure> {
    let desired = &target.desired;
    let login = desired.base.login(desired.login);
    let client = match server.login(desired.base.as_str(), &login, &target.password).await {
        // The clients that fill it have come in with the same credentials.
        Err(Failure::Full) => return Ok(()),
        result => result?,
    };
    let answer = tokio::time::timeout(server.limits().connect, client.simple_query("SELECT 1")).await;
    answer.map_err(|_| Failure::SLOW)?.map(drop).map_err(Failure::from)
}

async fn set_password(server: &Server, target: &Target) -> Result<(), Failure> {
    let login = target.desired.base.login(target.desired.login);
    let sql = statements::set_password(&login, &target.password);
    server.work(async |client| Ok(client.batch_execute(&sql).await?)).await
}

/// Removes logins that were replaced. What they own by exception goes to the owner of the database.
///
/// # Errors
/// If the server does not do it.
pub async fn retire(server: &Server, target: &Target, numbers: &[u32]) -> Result<(), Failure> {
    let base = &target.desired.base;
    for number in numbers {
        let login = base.login(*number);
        tracing::info!(login, "removing a login that was replaced");
        server.work(async |client| Ok(client.batch_execute(&statements::lock(&login)).await?)).await?;
        let handed_over = statements::hand_over(&login, base.as_str());
        let visit = async { Ok(server.visit(base.as_str()).await?.batch_execute(&handed_over).await?) };
        tokio::time::timeout(server.limits().work, visit).await.unwrap_or(Err(Failure::SLOW))?;
        let dropped = statements::drop_login(&login);
        server.work(async |client| Ok(client.batch_execute(&dropped).await?)).await?;
    }
    Ok(())
}
