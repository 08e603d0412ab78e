//! What deletions leave of databases that are nobody else's: what the table of `docs/provisioner-postgres.md` says for each
//! policy in its rows of kind `instance`, whose server is up or down.

use std::collections::BTreeSet;
use std::time::Duration;

use api_types::{ConditionType, Reason, Workload};
use e2e::busybox::workload;
use e2e::namespace::says;
use e2e::platform::offered;
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, with_namespace};

/// For six databases that start at once on a small machine.
const LONG: Duration = Duration::from_secs(300);

const POLICIES: [&str; 3] = ["Delete", "Retain", "Orphan"];
/// What becomes of the Workload with the database: it is deleted, or the resource is removed from it.
const CAUSES: [&str; 2] = ["deleted", "without"];
/// Takes away what the server cannot start without, and ends it.
const BREAK: &str = r#"mv "$PGDATA/postgresql.conf" "$PGDATA/away" && kill -INT 1"#;

/// The class of databases that are left as the policy says, of this test alone.
fn class(context: &Context, policy: &str) -> String {
    format!("{}-{}", context.namespace, policy.to_lowercase())
}

fn types(context: &Context) -> Vec<String> {
    let class = |policy: &&str| {
        let class = class(context, policy);
        format!(
            "- {{type: postgres, provisioner: provisioner-postgres, deprovisionPolicy: {policy}, selector: {{class: \
             {class}}}, classes: [{{name: {class}, parameters: {{storage: 64Mi}}}}]}}\n"
        )
    };
    POLICIES.iter().map(class).collect()
}

fn name(policy: &str, cause: &str) -> String {
    format!("{}-{cause}", policy.to_lowercase())
}

fn with_database(context: &Context, policy: &str, cause: &str) -> String {
    let spec = format!(
        "  containers: {{main: {{image: BUSYBOX, command: SLEEP, variables: {{HOST: \"${{resources.db.host}}\"}}}}}}
  resources: {{db: {{type: postgres, class: {}}}}}",
        class(context, policy)
    );
    workload(&name(policy, cause), &spec)
}

/// What is left of the database of a Workload that is gone or goes without it.
fn all_of(workload: &str) -> [String; 4] {
    let base = format!("{workload}-db-postgres");
    [
        format!("statefulset.apps/{base}"),
        format!("service/{base}"),
        format!("persistentvolumeclaim/{base}-data"),
        format!("secret/{base}-secret"),
    ]
}

/// Waits until exactly these objects were made for claims that were left in this state.
async fn left(context: &Context, state: &str, objects: BTreeSet<String>) -> Result {
    let selector = format!("score.dev/type=postgres,score.dev/claim-state={state}");
    let list = [
        "get",
        "statefulset,service,persistentvolumeclaim,secret",
        "--output=name",
        &format!("--selector={selector}"),
    ];
    eventually(&format!("what is {state} is {objects:?}"), PATIENCE, async || {
        let found: BTreeSet<_> = context.kubectl(&list).await?.lines().map(str::to_owned).collect();
        Ok((found == objects).then_some(()))
    })
    .await
}

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    POLICIES.into_iter().flat_map(|policy| CAUSES.map(|cause| (policy, cause)))
}

/// Starts a database for each case.
async fn start(context: &Context) -> Result {
    for (policy, cause) in cases() {
        context.apply(&with_database(context, policy, cause)).await?;
    }
    for (policy, cause) in cases() {
        context.wait_ready_within(&name(policy, cause), LONG).await?;
    }
    Ok(())
}

/// Lets every server go down, and stay so.
async fn break_all(context: &Context) -> Result {
    for (policy, cause) in cases() {
        let server = format!("statefulset/{}-db-postgres", name(policy, cause));
        context.kubectl(&["exec", &server, "--", "sh", "-c", BREAK]).await?;
    }
    for (policy, cause) in cases() {
        // Before long a server that never comes up is taken to be broken.
        let is_down = |workload: &Workload| {
            [Reason::BindingPending, Reason::BindingFailed]
                .into_iter()
                .any(|reason| says(workload, ConditionType::ClaimsReady, "False", reason))
        };
        until_there(&context.api(), &name(policy, cause), "without a database", PATIENCE, is_down).await?;
    }
    Ok(())
}

/// Lets every cause happen, and waits until of each database is left what its policy says.
async fn leave(context: &Context) -> Result {
    for policy in POLICIES {
        context.delete::<Workload>(&name(policy, "deleted")).await?;
        let alone = "  containers: {main: {image: BUSYBOX, command: SLEEP}}";
        context.apply(&workload(&name(policy, "without"), alone)).await?;
    }
    let of = |policy: &str| CAUSES.iter().flat_map(|cause| all_of(&name(policy, cause))).collect();
    left(context, "in-use", BTreeSet::new()).await?;
    left(context, "retained", of("Retain")).await?;
    left(context, "orphaned", of("Orphan")).await
}

#[tokio::test]
async fn of_a_database_of_its_own_is_left_what_the_policy_says_and_only_retained_ones_come_back() -> Result {
    with_namespace("leaving", async |context: Context| {
        offered(&context, "", &types(&context), async {
            start(&context).await?;
            leave(&context).await?;
            for policy in ["Retain", "Orphan"] {
                context.apply(&with_database(&context, policy, "deleted")).await?;
            }
            context.wait_ready(&name("Retain", "deleted")).await?;
            left(&context, "in-use", all_of(&name("Retain", "deleted")).into()).await?;
            let orphan = name("Orphan", "deleted");
            context.told(&orphan, ConditionType::ClaimsReady, Reason::BindingFailed, &["db"]).await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn of_a_database_of_its_own_that_is_down_is_left_the_same() -> Result {
    with_namespace("leaving-down", async |context: Context| {
        offered(&context, "", &types(&context), async {
            start(&context).await?;
            break_all(&context).await?;
            leave(&context).await
        })
        .await
    })
    .await
}
