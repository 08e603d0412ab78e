use super::*;

fn of(yaml: &str) -> Result<ServerSettings, Vec<String>> {
    settings(&serde_yaml_ng::from_str(yaml).unwrap())
}

#[test]
fn a_host_and_credentials_are_all_that_must_be_given() {
    let settings = of("{server: {host: db.example.com, adminSecretRef: {name: pg-admin}}}").unwrap();
    assert_eq!((settings.server.port, settings.server.database.as_str()), (5432, "postgres"));
    assert_eq!(
        settings.server.tls,
        Tls::Verify { of: Holder::Host, secret: "pg-admin".to_owned(), key: "ca.crt".to_owned() }
    );
    assert_eq!((settings.sslmode, settings.connection_limit), ("require", None));
    assert_eq!(settings.rotation.grace, SignedDuration::from_hours(1));
}

#[test]
fn everything_can_be_set() {
    let settings = of("
        server: {host: 10.0.0.7, port: 6432, database: admin, adminSecretRef: {name: pg-admin}, maxConnections: 3,
                 tls: {mode: verify-full, caSecretRef: {name: pg-ca, key: root.pem}}}
        sslmode: verify-full
        connectionLimit: 20
        extensions: [uuid-ossp, pg_trgm]
        schemaPrivileges: [{role: reporting, privileges: [USAGE]}]
        rotation: {maxAge: 30d, gracePeriod: 15m}")
    .unwrap();
    assert_eq!((settings.server.port, settings.server.max_connections), (6432, 3));
    assert_eq!(settings.sslmode, "verify-full");
    assert_eq!(settings.extensions, ["uuid-ossp", "pg_trgm"]);
    assert_eq!(settings.grants[0].privileges, ["USAGE"]);
    assert_eq!(settings.rotation.max_age, Some(SignedDuration::from_hours(720)));
    let plain = of("{server: {host: db, adminSecretRef: {name: a}, tls: {mode: disable}}}").unwrap();
    assert_eq!((plain.server.tls, plain.sslmode), (Tls::Disable, "disable"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_what_there_is_instead() {
    let errors = of("
        server: {port: 0, adminSecretRef: {name: a, namespace: kube-system}, tls: {mode: require}, pool: 3}
        image: postgres
        sslmode: always
        extensions: [1]
        rotation: {maxAge: 1m}")
    .unwrap_err();
    assert_eq!(
        errors,
        [
            "parameters.server.host: is missing",
            "parameters.server.port: must be a whole number from 1 to 65535",
            "parameters.server.adminSecretRef.namespace: there is no such parameter, only name",
            "parameters.server.tls.mode: must be verify-full, verify-ca or disable",
            "parameters.server.pool: there is no such parameter, only host, port, database, adminSecretRef, tls and \
             maxConnections",
            "parameters.sslmode: must be disable, allow, prefer, require, verify-ca or verify-full",
            "parameters.extensions: must be a list of texts without blanks",
            "parameters.rotation.maxAge: must be 10m or longer: every change restarts clients",
            "parameters.image: there is no such parameter, only server, sslmode, connectionLimit, extensions, \
             schemaPrivileges and rotation",
        ]
    );
}

#[test]
fn a_host_that_is_none_is_refused() {
    for host in ["/var/run/postgresql", "a b", "db/../x", "user@db", "db:5432", "DB", "::1", "a,b", "db?x=1"]
    {
        let parameters = serde_json::json!({"server": {"host": host, "adminSecretRef": {"name": "a"}}});
        let errors = settings(parameters.as_object().unwrap()).unwrap_err();
        assert!(errors[0].starts_with("parameters.server.host: must be"), "{host}: {errors:?}");
    }
}

#[test]
fn whatever_the_platform_writes_is_refused_or_is_what_it_should_be() {
    for text in workload_gen::hostile_texts() {
        let server = serde_json::json!({"host": "db", "adminSecretRef": {"name": "pg-admin"}});
        for pointer in ["/host", "/adminSecretRef/name", "/tls/caSecretRef/name", "/tls/mode", "/port"] {
            let mut server = server.clone();
            server["tls"] = serde_json::json!({"caSecretRef": {"name": "ca"}});
            match server.pointer_mut(pointer) {
                Some(place) => *place = text.clone().into(),
                None => server[&pointer[1..]] = text.clone().into(),
            }
            let parameters = serde_json::json!({"server": server});
            if let Ok(settings) = settings(parameters.as_object().unwrap()) {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
                assert!(text.len() < 254 && text.chars().all(plain), "{pointer}: {text}: {settings:?}");
                assert!(!text.contains("..") && !text.starts_with(['-', '.', '_']), "{pointer}: {text}");
            }
        }
    }
}
