//! Hides what must not be shown.

use std::collections::BTreeMap;

const MASK: &str = "••••••";
/// What the names of variables with secrets contain.
const SMELLS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];
/// Shorter secrets are not looked for in other values: they would be found by chance.
const SHORTEST: usize = 6;

/// The environment with secrets hidden: variables whose name smells of one, passwords in URLs, and whatever repeats
/// either of these.
pub(crate) fn masked(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let secrets: Vec<&str> = environment.iter().flat_map(|(name, value)| secrets_in(name, value)).collect();
    let mask = |(name, value): (&String, &String)| {
        let shown =
            if smells(name) && !value.is_empty() { MASK.to_owned() } else { without(value, &secrets) };
        (name.clone(), shown)
    };
    environment.iter().map(mask).collect()
}

fn smells(name: &str) -> bool {
    let name = name.to_uppercase();
    SMELLS.iter().any(|smell| name.contains(smell))
}

fn secrets_in<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let whole = smells(name).then_some(value).filter(|value| value.len() >= SHORTEST);
    whole.into_iter().chain(url_password(value)).collect()
}

fn without(value: &str, secrets: &[&str]) -> String {
    let value = match url_password(value) {
        Some(password) => value.replacen(&format!(":{password}@"), &format!(":{MASK}@"), 1),
        None => value.to_owned(),
    };
    secrets.iter().fold(value, |value, secret| value.replace(secret, MASK))
}

/// The password in `scheme://user:password@host/…`.
fn url_password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user_info, _) = authority.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(variables: &[(&str, &str)], name: &str) -> String {
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        masked(&environment)[name].clone()
    }

    #[test]
    fn ordinary_variables_are_shown() {
        assert_eq!(shown(&[("MESSAGE", "hello")], "MESSAGE"), "hello");
        assert_eq!(shown(&[("URL", "http://web:8080/a@b")], "URL"), "http://web:8080/a@b");
    }

    #[test]
    fn variables_that_smell_of_secrets_are_hidden() {
        for name in ["DB_PASSWORD", "api_token", "AWS_SECRET_ACCESS_KEY", "__SCORE_SECRET_12ab"] {
            assert_eq!(shown(&[(name, "pa55")], name), MASK);
        }
        assert_eq!(shown(&[("DB_PASSWORD", "")], "DB_PASSWORD"), "");
    }

    #[test]
    fn the_password_in_a_url_is_hidden_and_the_rest_is_shown() {
        let url = "postgresql://app:pa55@db:5432/app";
        assert_eq!(shown(&[("DATABASE_URL", url)], "DATABASE_URL"), "postgresql://app:••••••@db:5432/app");
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_is_repeated() {
        let variables = [
            ("DB_PASSWORD", "s3cr3t-pw"),
            ("DSN", "host=db password=s3cr3t-pw"),
            ("U", "x://a:p4ssw0rd@h"),
            ("V", "p4ssw0rd"),
        ];
        assert_eq!(shown(&variables, "DSN"), "host=db password=••••••");
        assert_eq!(shown(&variables, "V"), MASK);
    }
}
