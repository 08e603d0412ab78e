use provisioner_kit::Claim;

use super::*;
use crate::test_support::claim;

fn desired() -> Desired {
    Desired {
        base: Base::of(&claim()),
        mark: Mark::of(&claim()),
        login: 1,
        provisioned: false,
        retires: false,
        connection_limit: None,
    }
}

fn role() -> Role {
    Role {
        comment: Some(Mark::of(&claim()).to_string()),
        is_administered: true,
        is_member: true,
        acts_as_owner: true,
        ..Role::default()
    }
}

fn login() -> Role {
    Role { can_login: true, ..role() }
}

fn complete() -> Observed {
    Observed {
        owner: Some(role()),
        logins: vec![(1, login())],
        database: Some(Database {
            owner: desired().base.as_str().to_owned(),
            connection_limit: None,
            takes_connections: true,
            is_public: false,
            is_owners: true,
        }),
        ..Observed::default()
    }
}

fn decided(change: impl FnOnce(&mut Desired, &mut Observed)) -> Result<Vec<Step>, Obstacle> {
    let (mut desired, mut observed) = (desired(), complete());
    change(&mut desired, &mut observed);
    decide(&desired, &observed)
}

#[test]
fn on_an_empty_server_roles_come_before_the_database_that_they_prove() {
    let steps = decide(&desired(), &Observed { is_superuser: true, ..Observed::default() }).unwrap();
    assert_eq!(steps, [Step::CreateOwner, Step::CreateLogin(1), Step::CreateDatabase, Step::RestoreDatabase]);
}

#[test]
fn who_is_no_superuser_becomes_a_member_of_what_it_makes() {
    let (base, login) = (desired().base.as_str().to_owned(), desired().base.login(1));
    let steps = decide(&desired(), &Observed::default()).unwrap();
    assert_eq!(steps[..2], [Step::CreateOwner, Step::Administer(base)]);
    assert_eq!(steps[2..4], [Step::CreateLogin(1), Step::Administer(login)]);
}

#[test]
fn nothing_is_done_when_all_is_as_it_should_be() {
    assert_eq!(decided(|_, _| ()), Ok(Vec::new()));
    assert_eq!(decided(|desired, _| desired.provisioned = true), Ok(Vec::new()));
}

#[test]
fn each_drift_is_repaired_by_one_step() {
    let base = desired().base.as_str().to_owned();
    let database = |change: fn(&mut Database)| {
        decided(|_, observed| change(observed.database.as_mut().unwrap())).unwrap()
    };
    assert_eq!(database(|database| database.is_public = true), [Step::RestoreDatabase]);
    assert_eq!(database(|database| database.is_owners = false), [Step::RestoreDatabase]);
    assert_eq!(database(|database| database.takes_connections = false), [Step::RestoreDatabase]);
    assert_eq!(database(|database| database.connection_limit = Some(1)), [Step::RestoreDatabase]);
    let owner =
        |change: fn(&mut Role)| decided(|_, observed| change(observed.owner.as_mut().unwrap())).unwrap();
    assert_eq!(owner(|role| role.can_login = true), [Step::RestoreOwner]);
    assert_eq!(owner(|role| role.is_altered = true), [Step::RestoreOwner]);
    assert_eq!(owner(|role| role.is_administered = false), [Step::Administer(base.clone())]);
    assert_eq!(owner(|role| role.is_elevated = true), [Step::Demote(base)]);
    let login = |change: fn(&mut Role)| decided(|_, observed| change(&mut observed.logins[0].1)).unwrap();
    assert_eq!(login(|role| role.can_login = false), [Step::RestoreLogin(1)]);
    assert_eq!(login(|role| role.is_altered = true), [Step::RestoreLogin(1)]);
    assert_eq!(login(|role| role.is_member = false), [Step::RestoreLogin(1)]);
    assert_eq!(login(|role| role.acts_as_owner = false), [Step::RestoreLogin(1)]);
    let dropped = decided(|_, observed| observed.logins.clear()).unwrap();
    assert_eq!(dropped, [Step::CreateLogin(1), Step::Administer(desired().base.login(1))]);
}

#[test]
fn what_has_the_name_and_is_not_the_claims_is_never_touched() {
    let base = desired().base.as_str().to_owned();
    let foreign = |comment: Option<&str>| Role { comment: comment.map(str::to_owned), ..role() };
    let other = Mark::of(&Claim { namespace: "other".to_owned(), ..claim() }).to_string();
    for comment in [None, Some("a role of ours"), Some(other.as_str())] {
        assert_eq!(
            decided(|_, observed| observed.owner = Some(foreign(comment))),
            Err(Obstacle::ForeignRole(base.clone()))
        );
        assert_eq!(
            decided(|_, observed| observed.logins = vec![(1, foreign(comment))]),
            Err(Obstacle::ForeignRole(desired().base.login(1)))
        );
    }
    let database = Err(Obstacle::ForeignDatabase(base));
    assert_eq!(decided(|_, observed| observed.owner = None), database);
    assert_eq!(
        decided(|_, observed| observed.database.as_mut().unwrap().owner = "postgres".to_owned()),
        database
    );
}

#[test]
fn a_database_that_was_there_once_is_not_made_again_empty() {
    let gone = decided(|desired, observed| {
        desired.provisioned = true;
        observed.database = None;
    });
    assert_eq!(gone, Err(Obstacle::Gone(desired().base.as_str().to_owned())));
}

#[test]
fn what_an_earlier_claim_of_the_identity_retained_gets_the_mark_of_this_one() {
    let later = Mark::of(&Claim { uid: "later".to_owned(), ..claim() });
    let base = desired().base;
    assert_eq!(
        decided(|desired, _| desired.mark = later),
        Ok(vec![Step::Mark(base.as_str().to_owned()), Step::Mark(base.login(1))])
    );
}

#[test]
fn a_replaced_login_goes_when_its_time_is_over_and_nobody_uses_it() {
    let after = |retires: bool, is_in_use: bool| {
        decided(|desired, observed| {
            (desired.login, desired.retires) = (2, retires);
            observed.logins = vec![(1, Role { is_in_use, ..login() }), (2, login())];
        })
        .unwrap()
    };
    assert_eq!(after(true, false), [Step::DropLogin(1)]);
    assert_eq!(after(true, true), []);
    assert_eq!(after(false, false), []);
    let foreign = decided(|desired, observed| {
        (desired.login, desired.retires) = (2, true);
        observed.logins = vec![(1, Role { comment: None, ..login() }), (2, login())];
    });
    assert_eq!(foreign, Ok(Vec::new()), "a role that only looks like an old login stays");
}
